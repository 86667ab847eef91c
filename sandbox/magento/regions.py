"""Magento's countries, and the regions of some of those that it keeps regions for.

Region ids and codes are those of a fresh installation; codes are no ISO codes everywhere.
"""

from __future__ import annotations

from importlib.resources import files

COUNTRIES = {
    code: (three, name)
    for code, three, name in (
        line.split(" ", 2)
        for line in files("sandbox.magento")
        .joinpath("countries.txt")
        .read_text(encoding="utf-8")
        .splitlines()
    )
}
"""All of Magento's directory: ISO 3166 without PR and SS, with AN and XK."""

_US = """\
AL Alabama
AK Alaska
AS American Samoa
AZ Arizona
AR Arkansas
AE Armed Forces Africa
AA Armed Forces Americas
AE Armed Forces Canada
AE Armed Forces Europe
AE Armed Forces Middle East
AP Armed Forces Pacific
CA California
CO Colorado
CT Connecticut
DE Delaware
DC District of Columbia
FM Federated States Of Micronesia
FL Florida
GA Georgia
GU Guam
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky
LA Louisiana
ME Maine
MH Marshall Islands
MD Maryland
MA Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York
NC North Carolina
ND North Dakota
MP Northern Mariana Islands
OH Ohio
OK Oklahoma
OR Oregon
PW Palau
PA Pennsylvania
PR Puerto Rico
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas
UT Utah
VT Vermont
VI Virgin Islands
VA Virginia
WA Washington
WV West Virginia
WI Wisconsin
WY Wyoming"""

_DE = """\
NDS Niedersachsen
BAW Baden-Württemberg
BAY Bayern
BER Berlin
BRG Brandenburg
BRE Bremen
HAM Hamburg
HES Hessen
MEC Mecklenburg-Vorpommern
NRW Nordrhein-Westfalen
RHE Rheinland-Pfalz
SAR Saarland
SAS Sachsen
SAC Sachsen-Anhalt
SCN Schleswig-Holstein
THE Thüringen"""

# A Spanish province's code is its name.
_ES = (
    "A Coruña,Alava,Albacete,Alicante,Almeria,Asturias,Avila,Badajoz,Baleares,Barcelona,Burgos,"
    "Caceres,Cadiz,Cantabria,Castellon,Ceuta,Ciudad Real,Cordoba,Cuenca,Girona,Granada,"
    "Guadalajara,Guipuzcoa,Huelva,Huesca,Jaen,La Rioja,Las Palmas,Leon,Lleida,Lugo,Madrid,Malaga,"
    "Melilla,Murcia,Navarra,Ourense,Palencia,Pontevedra,Salamanca,Santa Cruz de Tenerife,Segovia,"
    "Sevilla,Soria,Tarragona,Teruel,Toledo,Valencia,Valladolid,Vizcaya,Zamora,Zaragoza"
)

# French departments in the order of their numbers: 1 to 19, 2A, 2B, 21 to 95.
_FR = (
    "Ain,Aisne,Allier,Alpes-de-Haute-Provence,Hautes-Alpes,Alpes-Maritimes,Ardèche,Ardennes,"
    "Ariège,Aube,Aude,Aveyron,Bouches-du-Rhône,Calvados,Cantal,Charente,Charente-Maritime,Cher,"
    "Corrèze,Corse-du-Sud,Haute-Corse,Côte-d'Or,Côtes-d'Armor,Creuse,Dordogne,Doubs,Drôme,Eure,"
    "Eure-et-Loir,Finistère,Gard,Haute-Garonne,Gers,Gironde,Hérault,Ille-et-Vilaine,Indre,"
    "Indre-et-Loire,Isère,Jura,Landes,Loir-et-Cher,Loire,Haute-Loire,Loire-Atlantique,Loiret,Lot,"
    "Lot-et-Garonne,Lozère,Maine-et-Loire,Manche,Marne,Haute-Marne,Mayenne,Meurthe-et-Moselle,"
    "Meuse,Morbihan,Moselle,Nièvre,Nord,Oise,Orne,Pas-de-Calais,Puy-de-Dôme,Pyrénées-Atlantiques,"
    "Hautes-Pyrénées,Pyrénées-Orientales,Bas-Rhin,Haut-Rhin,Rhône,Haute-Saône,Saône-et-Loire,"
    "Sarthe,Savoie,Haute-Savoie,Paris,Seine-Maritime,Seine-et-Marne,Yvelines,Deux-Sèvres,Somme,"
    "Tarn,Tarn-et-Garonne,Var,Vaucluse,Vendée,Vienne,Haute-Vienne,Vosges,Yonne,"
    "Territoire-de-Belfort,Essonne,Hauts-de-Seine,Seine-Saint-Denis,Val-de-Marne,Val-d'Oise"
)

_IT = (
    "AG Agrigento,AL Alessandria,AN Ancona,AO Aosta,AR Arezzo,AP Ascoli Piceno,AT Asti,"
    "AV Avellino,BA Bari,BT Barletta-Andria-Trani,BL Belluno,BN Benevento,BG Bergamo,BI Biella,"
    "BO Bologna,BZ Bolzano,BS Brescia,BR Brindisi,CA Cagliari,CL Caltanissetta,CB Campobasso,"
    "CI Carbonia-Iglesias,CE Caserta,CT Catania,CZ Catanzaro,CH Chieti,CO Como,CS Cosenza,"
    "CR Cremona,KR Crotone,CN Cuneo,EN Enna,FM Fermo,FE Ferrara,FI Firenze,FG Foggia,"
    "FC Forli-Cesena,FR Frosinone,GE Genova,GO Gorizia,GR Grosseto,IM Imperia,IS Isernia,"
    "AQ L'Aquila,SP La Spezia,LT Latina,LE Lecce,LC Lecco,LI Livorno,LO Lodi,LU Lucca,MC Macerata,"
    "MN Mantova,MS Massa-Carrara,MT Matera,VS Medio Campidano,ME Messina,MI Milano,MO Modena,"
    "MB Monza e Brianza,NA Napoli,NO Novara,NU Nuoro,OG Ogliastra,OT Olbia-Tempio,OR Oristano,"
    "PD Padova,PA Palermo,PR Parma,PV Pavia,PG Perugia,PU Pesaro e Urbino,PE Pescara,PC Piacenza,"
    "PI Pisa,PT Pistoia,PN Pordenone,PZ Potenza,PO Prato,RG Ragusa,RA Ravenna,RC Reggio Calabria,"
    "RE Reggio Emilia,RI Rieti,RN Rimini,RM Roma,RO Rovigo,SA Salerno,SS Sassari,SV Savona,"
    "SI Siena,SR Siracusa,SO Sondrio,TA Taranto,TE Teramo,TR Terni,TO Torino,TP Trapani,TN Trento,"
    "TV Treviso,TS Trieste,UD Udine,VA Varese,VE Venezia,VB Verbano-Cusio-Ossola,VC Vercelli,"
    "VR Verona,VV Vibo Valentia,VI Vicenza,VT Viterbo"
)


def _numbered(first: int, pairs: list[tuple[str, str]]) -> dict[int, tuple[str, str]]:
    return dict(enumerate(pairs, first))


def _pairs(text: str, separator: str) -> list[tuple[str, str]]:
    split = (entry.partition(" ") for entry in text.split(separator))
    return [(code, name) for code, _, name in split]


def _departments() -> list[tuple[str, str]]:
    codes = [str(n) for n in range(1, 20)] + ["2A", "2B"] + [str(n) for n in range(21, 96)]
    return list(zip(codes, _FR.split(","), strict=True))


REGIONS: dict[str, dict[int, tuple[str, str]]] = {
    "US": _numbered(1, _pairs(_US, "\n")),
    "DE": _numbered(79, _pairs(_DE, "\n")),
    "ES": _numbered(130, [(name, name) for name in _ES.split(",")]),
    "FR": _numbered(182, _departments()),
    "IT": _numbered(570, _pairs(_IT, ",")),
}
"""By country: region id -> (code, name)."""
