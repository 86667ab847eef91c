"""The first page: what needs a person, whether all sides agree, and how the last month went.

Start reading: `attention.py` for what is due now, `figures.py` for the charts.
"""
