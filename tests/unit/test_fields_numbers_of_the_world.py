"""Numbers, telephones and VAT ids as other people's documents print them."""

from __future__ import annotations

import pytest

from postprocess_svc.fields.values.identifiers import find_national_id, find_vat_ids
from tests.support.drawn_pages import value_of

LATIN = """
  Ashdown Merriweather LLP
  88 Colmore Row, Birmingham B3 2QS
  {line}

  Bill to
  Okafor Dental Care Limited
  31 Harborne Park Road

  # INVOICE #
  Invoice number    1187
  Invoice date      27 October 2026

  Description                         Amount
  Labour                            1,000.00
  VAT                                 200.00
  TOTAL DUE                         1,200.00
"""


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("VAT Reg. No. 193 7264 36. Authorised by", "193726436"),
        ("P. IVA 03847170234", "03847170234"),
        ("CIF: B29174059", "B29174059"),
        ("ABN 12 345 678 901", "12345678901"),
        ("GST Reg. No.: M2-0093847-1", "M200938471"),
        ("GSTIN 29AAKCS4821M1ZS State Name", "29AAKCS4821M1ZS"),
        ("BTW 0472.831.547 - RPR Antwerpen", "0472831547"),
        ("Tax ID: 39-1840275", None),
        ("VAT 20 % of 1 234 567,00", None),
        ("TVA non applicable, art. 293 B du CGI", None),
    ],
)
def test_a_national_form_of_a_vat_id(printed: str, value: str | None) -> None:
    found = find_national_id(printed, 3, reach=20)
    assert (None if found is None else found.value) == value


@pytest.mark.parametrize(
    ("printed", "value"), [("CHE-112.849.066 MWST", "CHE112849066"), ("NO 123 456 785 MVA", "NO123456785")]
)
def test_the_word_behind_a_vat_id_is_no_part_of_it(printed: str, value: str) -> None:
    assert [identifier.value for identifier in find_vat_ids(printed)] == [value]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("VAT Reg. No. 193 7264 36", "193726436"),
        ("Federal Tax ID 39-1840275", None),
        ("Partita IVA 03847170234", "03847170234"),
    ],
)
def test_the_issuers_vat_id_without_its_country(line: str, value: str | None) -> None:
    assert value_of("registration_number", LATIN.format(line=line)) == value


def test_two_parties_side_by_side_each_with_an_id_of_its_country() -> None:
    page = """
      FROM                                         CLIENT                              INVOICE
      Vanya Codeworks Private Limited              Nordlicht Versandhandel GmbH        VC/EXP/2627/063
      Baner Road, Pune 411045                      Wendenstrasse 130
      GSTIN 27AAFCV7390Q1ZC                        USt-IdNr. DE811502633

      Senior developer            5,168.00
      Invoice value           EUR 5,168.00
    """
    assert value_of("registration_number", page) == "27AAFCV7390Q1ZC"
