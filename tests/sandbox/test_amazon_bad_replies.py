"""The stand-in tells orders badly and gives pages that lead nowhere when it is asked to."""

from __future__ import annotations
