"""The table of partners at work: the issuer's name as the table has it, beside what is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from evaluation.company_names import made_up_names
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.result import FieldValue, OcrResult
from ocr_core.contracts.schema_names import SchemaName
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.fields.extraction import FieldsOutcome
from postprocess_svc.formats import json_format
from postprocess_svc.partners.issuer import settle_issuer
from postprocess_svc.partners.master import Account, Partner, PartnerTable
from postprocess_svc.partners.match import PartnerMatcher
from postprocess_svc.pipeline import TextPipeline
from tests.unit import test_text_pipeline as invoice
from tests.unit.test_text_pipeline import INVOICE, line_reading, page_reading, reading_of

NUMBER = "T7000012050002"
OTHER_NUMBER = "T8700110005901"
NAME = "株式会社サンプルテック"
MISREAD = "株式会社サンプルテッワ"
UNREADABLE = "株式会社せンづんデクワ"
OTHERS = tuple(Partner(name=name) for name in made_up_names(300, seed=5, apart_from=(NAME,)))


@dataclass(frozen=True)
class InUse:
    """A table that nobody replaces."""

    matcher: PartnerMatcher


@pytest.fixture(autouse=True)
def _wider_charset(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the characters of the misreadings."""
    printed = "".join(text for text, *_ in INVOICE) + MISREAD + UNREADABLE
    charset = Charset.parse("\n".join(sorted(set(printed))).encode())
    ids = {character: class_id for class_id, character in enumerate(charset.characters) if character}
    monkeypatch.setattr(invoice, "CHARSET", charset)
    monkeypatch.setattr(invoice, "CLASS_IDS", ids)


def structured(*partners: Partner, printed: str = NAME, is_numbered: bool = True) -> OcrResult:
    """The sample invoice with the issuer's name as it may be read, with and without a registration number."""
    texts = [(text.replace(NAME, printed), *place) for text, *place in INVOICE]
    lines = [line_reading(text, *place) for text, *place in texts if is_numbered or NUMBER not in text]
    matcher = PartnerMatcher(PartnerTable(partners=(*partners, *OTHERS))) if partners else None
    pipeline = TextPipeline(
        charsets=Charsets([invoice.CHARSET]), partners=None if matcher is None else InUse(matcher=matcher)
    )
    reading = reading_of(page_reading(lines), charset_sha256=invoice.CHARSET.sha256)
    return pipeline.structure(reading, options=StructureOptions(), request_id="req_1")


def issuer(result: OcrResult) -> FieldValue:
    assert result.fields is not None
    answer = result.fields["issuer_name"]
    assert isinstance(answer, FieldValue)
    return answer


def codes(result: OcrResult) -> list[str]:
    return [warning.code for warning in result.warnings if warning.code != "rendered_smaller"]


def sent(result: OcrResult) -> Mapping[str, Any]:
    fields: Any = json_format.to_json_value(result)["fields"]
    return dict(fields["issuer_name"])


def test_without_a_table_a_name_is_as_it_was_read() -> None:
    answer = issuer(structured(printed=MISREAD))
    assert (answer.value, answer.text, answer.partner) == (MISREAD, MISREAD, None)


def test_a_slip_in_the_name_is_mended_and_the_printed_form_kept() -> None:
    result = structured(Partner(name=NAME, code="42"), printed=MISREAD, is_numbered=False)
    read = issuer(structured(printed=MISREAD, is_numbered=False))
    answer = issuer(result)
    assert (answer.value, answer.text, answer.page, answer.quad) == (NAME, MISREAD, read.page, read.quad)
    told = sent(result)["partner"]
    assert {name: told[name] for name in ("name", "code", "registration_number", "matched_by")} == {
        "name": NAME,
        "code": "42",
        "registration_number": None,
        "matched_by": "name",
    }
    assert 0.5 < told["confidence"] <= 1
    assert answer.confidence <= told["confidence"]
    assert codes(result) == []


def test_a_partner_is_told_also_where_there_was_nothing_to_mend() -> None:
    result = structured(Partner(name="サンプルテック(株)", aliases=(NAME,)), is_numbered=False)
    assert (issuer(result).value, issuer(result).text) == ("サンプルテック(株)", NAME)
    assert sent(result)["partner"]["name"] == "サンプルテック(株)"


def test_a_name_that_is_in_no_table_is_left_and_carries_no_partner() -> None:
    result = structured(Partner(name="別商店"))
    assert (issuer(result).value, issuer(result).partner) == (NAME, None)
    assert "partner" not in sent(result)


def test_a_registration_number_settles_the_issuer_where_the_name_is_beyond_reading() -> None:
    partner = Partner(name=NAME, registration_number=NUMBER)
    assert issuer(structured(Partner(name=NAME), printed=UNREADABLE, is_numbered=False)).partner is None
    answer = issuer(structured(partner, printed=UNREADABLE))
    assert (answer.value, answer.text) == (NAME, UNREADABLE)
    assert answer.partner is not None
    assert (answer.partner.matched_by, answer.partner.registration_number) == ("registration_number", NUMBER)


def test_an_issuer_is_settled_for_a_schema_that_asks_for_nothing_else(tmp_path: Any) -> None:
    # The number, phone and accounts are found for the table's sake, and not answered.
    from postprocess_svc.fields.registry import shipped_families
    from postprocess_svc.schemas import load_schemas

    (tmp_path / "shop.toml").write_text('title = "S"\n[fields]\nshop = { from = "issuer_name", type = "text" }')
    pipeline = TextPipeline(
        charsets=Charsets([invoice.CHARSET]),
        schemas=load_schemas(tmp_path, kinds=shipped_families().kinds),
        partners=InUse(PartnerMatcher(PartnerTable(partners=(Partner(name="本名", registration_number=NUMBER),)))),
    )
    lines = [line_reading(*line) for line in INVOICE]
    reading = reading_of(page_reading(lines), charset_sha256=invoice.CHARSET.sha256)
    options = StructureOptions(schemas=(SchemaName("shop"),))
    result = pipeline.structure(reading, options=options, request_id="r")
    assert result.fields is not None
    (answer,) = result.fields.values()
    assert isinstance(answer, FieldValue)
    assert answer.value == "本名"


def test_a_name_and_a_number_of_two_partners_change_nothing_and_are_told() -> None:
    partners = (
        Partner(name="別商店", registration_number=NUMBER),
        Partner(name=NAME, registration_number=OTHER_NUMBER),
    )
    result = structured(*partners)
    assert (issuer(result).value, issuer(result).partner) == (NAME, None)
    assert codes(result) == ["partner_conflict"]
    assert not any(NAME in warning.detail or "別商店" in warning.detail for warning in result.warnings)


def test_a_branch_with_a_row_of_its_own_is_no_conflict() -> None:
    head = Partner(name="サンプルテックホールディングス株式会社", registration_number=NUMBER)
    answer = issuer(structured(head, Partner(name=NAME)))
    assert answer.partner is not None
    assert (answer.value, answer.partner.matched_by) == (NAME, "name")


def test_the_recipient_is_never_taken_for_the_issuer() -> None:
    # The reader's own firm stands in the table, and its number was taken for the issuer's.
    own = Partner(name="株式会社見本商事", registration_number=NUMBER)
    result = structured(own)
    assert (issuer(result).value, issuer(result).partner) == (NAME, None)
    assert result.fields is not None
    recipient = result.fields["recipient_name"]
    assert isinstance(recipient, FieldValue)
    assert (recipient.value, recipient.partner) == ("株式会社見本商事", None)


def test_an_account_number_tells_two_partners_of_one_name_apart() -> None:
    def account(number: str) -> Account:
        return Account(bank=None, branch=None, type=None, number=number, holder=None)

    partners = [
        Partner(name=NAME, code=code, account=account(number)) for code, number in (("a", "7"), ("b", "1234567"))
    ]
    answer = issuer(structured(*partners, is_numbered=False))
    assert answer.partner is not None
    assert answer.partner.code == "b"


def test_a_fault_leaves_the_name_as_read_and_says_so() -> None:
    class Broken(PartnerMatcher):
        def find(self, *_arguments: Any) -> Any:
            raise RuntimeError(NAME)

    whole = structured()
    pipeline = TextPipeline(
        charsets=Charsets([invoice.CHARSET]),
        partners=InUse(Broken(PartnerTable(partners=(Partner(name=NAME),)))),
    )
    reading = reading_of(page_reading([line_reading(*line) for line in INVOICE]), charset_sha256=invoice.CHARSET.sha256)
    result = pipeline.structure(reading, options=StructureOptions(), request_id="req_1")
    assert result.fields == whole.fields
    assert codes(result) == ["field_failed"]
    assert NAME not in result.warnings[-1].detail


def test_a_document_without_an_issuer_is_left_alone() -> None:
    outcome = FieldsOutcome(fields={"issuer_name": None})
    assert settle_issuer(outcome, PartnerMatcher(PartnerTable(partners=(Partner(name=NAME),)))) is outcome
