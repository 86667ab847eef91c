"""The carrier codes confirmShipment accepts; spelling and case count.

Some differ only in case or spacing: that is how the feed schema (`CarrierCode`, 2022-06) has them.
"""

from __future__ import annotations

_LISTED = """
4PX | A-1 | AAA Cooper | ABF | AFL/Fedex | ALLJOY | AMAUK | Amazon Shipping | AMZL | AMZL_UK |
Andere | AO | AO Deutschland | APC | APC Overnight | APC POSTAL LOGISTICS | APC-Overnight |
Aramex | Aras Kargo | Arco Spedizioni | Arkas | Arrow XL | Asendia | Asgard | Assett | AT POST |
AT Post | ATS | AUSSIE_POST | Australia Post | Australia Post-ArticleId |
Australia Post-Consignment | B2C | B2C Europe | Balnak | Bartolini | Beijing Quanfeng Express |
Best Buy | Best Express | BJS | Blue Package | BlueDart | Bombax | BPOST | BRT | Canada Post |
CargoLine | Caribou | Cart2India | CBL | CDC | CELERITAS | Centex | CEVA | Ceva Lojistik |
China Post | Chrono Express | Chronopost | Chukou1 | Cititrans | City Link | Citypost | CNE |
Coliposte | COLIS PRIVE | Colis Prive | Colissimo | Consegna Mezzi Propri | Conway | Correios |
Correos | Correos Express | Couriers Please | CouriersPlease | CTT EXPRESS | CTTExpress |
Cubyn | DACHSER | DACSHER | DASCHER | DB Schenker | DEL Deliveries | Delhivery | Delivengo |
Delivery Group | Der Kurier | Deutsche Post | DHL | DHL eCommerce | DHL Express | DHL Freight |
DHL Global Mail | DHL Home Delivery | DHL Kargo | DHL-Paket | DHLPL | Digital Delivery |
DirectLog | Dotzot | DPB | DPD | DPD Local | DSV | DTDC | DX | DX Express | DX Freight |
DX Secure | DYNAMIC EXPRESS | ECMS | Ecom Express | EINSA SOURCING | EKI Trans | Emirates Post |
Emons | Endopack | Energo | Envialia | Equick | Estafeta | Estes | EUB | Europaczka | Exapaq |
FAST EST | Fastway | FedEx | Fedex Freight | FedEx SmartPost | FEDEX_JP | FERCAM | Fercam |
Fillo Kargo | First Flight | First Flight China | First Mile | FRACHTPOST | FRANCE EXPRESS |
France Express | Gati | GEL | GEL Express | GEODIS | geodis | Geodis Calberson | Geopost Kargo |
GFS | GLS | GO! | GRUPO LOGISTIC | Hellmann | Heppner | Hermes | Hermes (Corporate) |
Hermes Einrichtungsservice | Hermes Logistik Gruppe | Hermes UK | Hlog | Home Logistics |
honesteye | Hongkong Post | Horoz Lojistik | Hotpoint Logistics | HRP | HubEurope |
Hunter Logistics | Huxloe | Huxloe Logistics | ICC Worldwide | IDS | IDS Netzwerk | iMile |
India Post | InPost | Interlink | Interno | Intersoft | iParcel | ITD Global | Japan Post |
JCEX | Jersey Post | JP_EXPRESS | JPL UPU | Kargokar | KEAVO | Kuehne Nagel | Kuehne+Nagel |
Kybotech | La Poste | Landmark | Landmark Global | Lasership | Liccardi | Mail Alliance |
Mainpost | MBE | Metro Kargo | Mezzi propri | MHI | Milkman | MNG Kargo | Mondial Relay | MRW |
MZZ Briefdienst | MZZ-Briefdienst | NACEX | Nacex | Narpost Kargo | Newgistics | Nexive |
Ninjavan | NipponExpress | NITTSU | NOVEO | NTL | OCS Worldwide | Old Dominion |
OneWorldExpress | ONTIME | OnTrac | OSM | Other | Otro | Overnite Express | Palletline |
Palletways | Panther | Parcel Hub | Parcel Monkey | Parcel Station | Parcel2go | PARCEL2GO.COM |
ParcelDenOnline | Parcelforce | Parcelhub | Parcelink Logistics | Parcelnet | ParcelOne |
PDC Logistics | Pilot | Pilot Freight | PIN | Polish Post | Post Modern | Post NL |
Poste Italiane | PostNL | PostNord | Professional | PTT Kargo | PUROLATOR | QExpress | Qxpress |
R+L | Raben | Raben Group | RBNA | REDUR | Rhenus | Rieck | Rivigo | RMLGB | Roadrunner |
Royal Mail | ROYAL_MAIL | RR Donnelley | Safexpress | SAGAWA | SagawaExpress | Saia | Sailpost |
Schweizer Post | SDA | Seino | SEINO TRANSPORTATION | Selem Kargo | Self Delivery | Sendcloud |
Sending | SENDLE | Sendle | Seur | Seven Senders | SF Express | SFC | Ship Delight |
Ship Global US | ShipEconomy | ShipGlobal | Shipmate | Shree Maruti Courier |
Shree Tirupati Courier | Shunfeng Express | Singapore Post | Smartmail | Sonstige |
South Eastern Freight Lines | Speedex | Spoton | SPRING | Spring GDS | Sprint |
Stahlmann and Sachs | Stampit | StarTrack-ArticleID | StarTrack-Consignment | STG |
STO Express | Streamlite | Sunyou | Susa | Swiss post | Szendex | Target | TDN |
Tezel Lojistik | The Delivery Group | The Professional Couriers | TIPSA | TNT | TNT Kargo |
TNTIT | Toll Global Express | Total Express | Tourline | Trackon | Trakpak | Trans-o-Flex |
Transaher | Transaragonés | TransFolha | Translink | Transoflex | Truline | TSB | Tuffnells |
TWS | TXT | TyD | UBI | UK MAIL | UKMail | UPakWeShip | UPS | UPS Freight |
UPS Mail Innovations | Upsilon | UPSMI | Urban Express | USPS | Verage Shipping | Via Xpress |
VIR | VNLIN | WanbExpress | Watkins and Shepard | Whistl | Whizzard | WINIT | WPX | XDP | XPO |
XPO Freight | Xpressbees | YAMATO | YamatoTransport | Yanwen | YDH | Yellow Freight | Yodel |
YTO Express | Yun Express | Yunda Express | Zeleris | ZTO Express | Zust Ambrosetti
"""

CARRIER_CODES = frozenset(code.strip() for code in " ".join(_LISTED.split()).split("|"))
OTHER = "Other"
"""Needs `carrierName`, and is refused in India."""
