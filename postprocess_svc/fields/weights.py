"""Where the scorer's weights start: log odds by field and feature, the mean of the prior that training fits around.

Set by hand from what the wordings and layouts mean, on this scale: 6 settles a field by itself, 3 is good evidence,
1 a hint; negative likewise. A bias of -4 says that a value without evidence is the field's once in fifty. What decides
in service are the learned ones (``learned_weights.json``); these count for a field or feature that was not trained yet.
"""

from __future__ import annotations

from postprocess_svc.fields.candidate import FieldName

BIAS = "bias"

# Categories of amounts by relation to the label: in its row, below it, or first in the next row.
_TOTAL = {
    BIAS: -4.0,
    "row:total_due": 7.0,
    "row:total": 5.6,
    "row:subtotal": -0.5,
    "row:inclusive": 2.5,
    "row:amount": 1.0,
    "row:tax": -4.0,
    "row:tax_base": -3.0,
    "row:withholding": -5.0,
    "row:levy": -5.0,
    "row:outlay": -4.0,
    "row:previous": -7.0,
    "row:paid": -2.5,
    "row:tendered": 0.5,
    "row:change": -5.0,
    "row:points": -6.0,
    "row:discount": -4.0,
    "row:count": -3.0,
    "row:unit_price": -3.0,
    "row:rounding": -3.0,
    "row:other": -3.0,
    "below:total_due": 6.4,
    "below:total": 4.0,
    "below:subtotal": -0.5,
    "below:inclusive": 1.0,
    "below:amount": 0.3,
    "below:tax": -2.5,
    "below:tax_base": -1.5,
    "below:withholding": -3.0,
    "below:levy": -3.0,
    "below:outlay": -2.5,
    "below:previous": -6.0,
    "below:paid": -2.0,
    "below:tendered": 0.0,
    "below:change": -2.0,
    "below:points": -3.0,
    "below:discount": -2.0,
    "below:count": -2.0,
    "below:unit_price": -2.0,
    "below:rounding": -1.5,
    "below:other": -0.5,
    "unlabelled": 0.0,
    "skipped": -0.8,  # values between the label and this one, at most 3
    "far": -0.25,  # line heights of empty space beyond 12, over 10, at most 3
    "currency": 0.6,
    "decimals": 0.5,  # two decimals where the currency has them
    "grouped": 0.3,
    "bare": -1.2,  # neither mark nor separators, in a currency with decimals, or under 10 yen
    "closed": 2.5,  # ¥33,000-
    "negative": -0.5,
    "zero": -2.0,
    "before_tax": -2.0,  # with a tax added, or less what is withheld, it gives another printed amount
    "is_change": -4.0,  # what is left of the cash that stands before it
    "in_sentence": -2.5,  # a sentence goes on after it
    "less_paid": 4.0,  # a total less what was paid before
    "part_paid": -4.0,  # a payment beside it leaves what is due
    "row_sum": 5.0,  # net and tax before it in its row give it: 税抜計 87,500 消費税 8,750 96,250
    "contradicted": -8.0,  # subtotal and tax give another total that is printed, and nothing explains the difference
    "large_type": 1.6,  # height over the page's ordinary height, less 1, at most 1
    "adds_up": 1.8,  # subtotal + tax (- withholding) gives it
    "cash_less_change": 3.0,
    "paid_by": 1.2,  # the same amount stands beside a means of payment
    "repeated": 0.7,  # further places where it is printed, at most 2
    "largest": 0.9,  # of the amounts that may be a total
    "below_items": 0.4,  # in the lower half of what is printed
    "exceeded": -1.0,  # a larger amount carries a total's label too
    "corrects": 2.6,  # a total and its rounding give it
    "rounded_total": 8.5,  # the same, where its label says "rounding"
    "qualified": -2.2,  # further words stand between label and amount
    "column_sum": 3.0,  # the sum of those above it under the same header
    "column_part": -2.5,  # one of those
}

_SUBTOTAL = {
    BIAS: -4.0,
    "row:subtotal": 6.5,
    "row:tax_base": 0.5,
    "row:total": -2.0,
    "row:total_due": -4.0,
    "row:tax": -4.0,
    "row:other": -4.0,
    "below:subtotal": 5.0,
    "below:tax_base": 0.5,
    "below:total": -1.0,
    "below:total_due": -3.0,
    "below:tax": -2.0,
    "below:other": -0.5,
    "skipped": -0.8,
    "far": -0.25,
    "currency": 0.3,
    "decimals": 0.4,
    "bare": -1.0,
    "zero": -3.0,
    "makes_total": 4.5,  # with a tax beside it, it gives the amount to pay, but for labelled asides
    "makes_other": 1.5,  # it gives another total that is printed
    "closes": 3.0,  # a printed tax is its exact share, and with all that follows they give the amount to pay
    "outdone": -2.5,  # another amount closes, this one does not
    "repeats_total": 4.0,  # a total right before the amount to pay, which is the same
    "of_rate": -1.5,  # of one rate, by its label
    "in_bracket": -6.5,  # told in passing, in a bracket: 自費内訳:ジェル(税抜 5,000円 消費税 500円)
    "priced": -3.0,  # quantity times price of its own row
    "over_total": -1.5,
    "last": 0.5,  # the last of several
    "qualified": -1.5,
    "column_sum": 2.5,
    "column_part": -2.0,
}

_TAX = {
    BIAS: -4.0,
    "row:tax": 6.0,
    "row:tax_base": -3.0,
    "row:total": -2.5,
    "row:total_due": -4.0,
    "row:subtotal": -3.0,
    "row:other": -4.0,
    "below:tax": 4.4,
    "below:tax_base": -1.5,
    "below:total": -1.0,
    "below:total_due": -2.0,
    "below:subtotal": -1.5,
    "below:other": -0.5,
    "skipped": -0.8,
    "far": -0.25,
    "currency": 0.3,
    "decimals": 0.4,
    "bare": -0.8,
    "zero": -0.5,
    "makes_total": 2.5,
    "makes_other": 1.0,
    "share_of_net": 2.0,  # of the subtotal that was found
    "large_share": -2.5,  # over two fifths of the total
    "usual_rate": 1.5,  # of the total or of a base beside it
    "over_total": -5.0,
    "sum_of_rates": 0.6,
    "stated_sum": 1.5,  # printed taxes add up to it
    "stated_part": -2.5,  # one of those
    "part_of_sum": -1.5,
    "qualified": -1.5,
    "column_sum": 2.5,
    "column_part": -2.0,
}

_DATE_SHAPE = {
    "guessed_year": -0.3,
    "no_year": -3.0,
    "compact": -2.5,
    "range": -3.5,  # one end of a period
    "implausible_year": -6.0,
    "in_items": -2.0,  # of a line item
    "row:closing": -1.0,  # the day up to which a statement counts: 締日, 検針日
    "below:closing": -1.0,
    "closing": -1.0,  # the same, said behind it: 締切分, 現在
    "of_subject": -4.0,  # when what the document is about took place
}

_DOCUMENT_DATE = {
    BIAS: -2.6,
    "row:issue_date": 6.0,
    "row:date": 4.6,
    "row:due_date": -5.0,
    "row:other_date": -4.5,
    "below:issue_date": 5.2,
    "below:date": 3.4,
    "below:due_date": -3.5,
    "below:other_date": -3.0,
    "skipped": -0.8,
    "alone": 2.4,  # no other date in the document
    "first": 1.2,  # the first that no label gives to something else
    "near_top": 1.0,
    "with_time": 1.6,
    "by_then": -4.0,  # followed by まで, until
    "whole_cell": 1.5,  # nothing else stands in its cell
    "issued": 4.0,  # 発行, 作成 behind it
    "after_town": 2.5,  # Köln, 14.10.2026
    "titled": 6.0,  # Rechnung Nr. 7 vom 3.4.2018
    "in_sentence": -2.5,  # told in passing: 前回のお取引は…でした
    "repeated": 0.5,
    **_DATE_SHAPE,
}

_DUE_DATE = {
    BIAS: -5.0,
    "row:due_date": 8.0,
    "row:issue_date": -4.0,
    "row:date": -2.0,
    "row:other_date": -4.0,
    "below:due_date": 7.0,
    "below:issue_date": -2.0,
    "below:date": -1.0,
    "below:other_date": -2.0,
    "skipped": -1.0,
    "by_then": 5.5,
    "payment_words": 3.0,  # 支払, 振込, zahlen in the same row
    "before_issue": -4.0,
    "was_paid": -9.0,  # the document has been paid, and its label names the day when: 決済日
    "terms": 3.5,  # in a cell that begins with 支払条件 or its like, the year printed
    "with_discount": -9.0,  # by which a discount may be taken
    **(
        _DATE_SHAPE | {"no_year": -0.8, "row:closing": -4.0, "below:closing": -2.0, "closing": -3.0, "of_subject": -8.0}
    ),
}

_DOCUMENT_NUMBER = {
    BIAS: -4.0,
    "row:invoice_number": 6.5,
    "row:slip_number": 5.6,  # 伝票番号, Document No.
    "row:reference_number": 1.6,  # 受付番号, Ref.
    "row:unknown_number": -1.5,  # 生徒番号: of what nobody knows
    "dispatched": 5.0,  # 榊経発第41号, alone near the top
    "by_date": 4.0,  # no label, but over, under or beside the document's date
    "first_line": 2.2,  # no label, alone in the first line
    "row:title": 4.6,  # "Invoice 123": a title that does not say "number"
    "row:number": 3.6,
    "row:other_number": -4.0,
    "below:invoice_number": 5.2,
    "below:title": 0.5,
    "right_under": 2.0,  # all of a cell right under a title in Latin letters
    "below:slip_number": 3.6,
    "below:reference_number": 0.0,
    "below:unknown_number": -2.0,
    "below:number": 2.2,
    "below:other_number": -3.0,
    "far": -0.25,
    "near_top": 0.8,
    "in_table": -4.0,  # under the header of a table of items
    "long": 0.4,  # five characters or more
    "short": -1.5,  # one or two characters
    "many_words": -0.8,
    "whole_cell": 0.8,
    "in_address": -3.0,
    "like_date": -3.0,
    "like_amount": -2.5,
    "like_phone": -3.5,
    "repeated": 0.6,
}

_REGISTRATION_NUMBER = {
    BIAS: -3.0,
    "t_number": 4.5,
    "labelled": 2.5,
    "vat_shape": 2.2,
    "unknown_shape": -0.8,
    "check_failed": -3.0,  # another number, of which the check digit holds, is rather the one
    "missing_t": -0.5,
    "recipients": -2.5,  # printed with the customer
    "first": 0.5,
    "repeated": 0.5,
    "below": -0.6,
}


_RECIPIENT = {
    BIAS: -4.0,
    "payee": -6.0,  # the account to pay into is in this name
    "honorific_company": 8.0,  # 御中
    "honorific_person": 6.0,  # 様, 殿
    "labelled_row": 5.0,
    "labelled_below": 5.6,
    "ship_to": -1.6,
    "address_block": 2.6,
    "letter_window": 2.0,  # the block under a sender's small line
    "salutation": 4.0,  # Herrn, Frau, Firma above
    "company_form": 1.6,
    "upper_half": 0.8,
    "left_half": 0.4,
    "person_below_company": -2.5,
    "implausible": -5.0,
    "attention": -2.5,  # the person in charge at the firm
    "foot": -2.5,  # in the lowest fifth of the page stands who issues it
    "in_items": -2.0,  # below the first amount: a guest, patient or whose house it is
    "repeated": -0.5,  # issuers name themselves again and again
    "later_block": 1.2,
    "first_block": -1.2,  # the letterhead's own address comes first where no window says otherwise
    "contact_in_block": -1.6,
    "on_stub": 7.0,  # under the line along which a payer cuts off the part to send back, and nowhere else
    "other_firm": 3.6,  # the one firm in the upper half that does not name itself again
}

_ISSUER = {
    BIAS: -4.0,
    "company_form": 3.4,
    "labelled_row": 5.0,
    "labelled_below": 5.4,
    "near_contact": 2.2,  # address, phone or registration number right below
    "near_registration": 1.4,
    "sender_line": 4.2,  # name, street and town in one small line
    "top_line": 2.2,  # the first line of a receipt that is a name
    "second_line": 0.8,
    "large_type": 2.6,  # height over the page's ordinary height, less 1, at most 1
    "upper_half": 1.0,
    "right_half": 0.6,  # of a Japanese invoice
    "same_as_recipient": -9.0,
    "recipients_block": -4.0,
    "bank": -5.0,
    "account_holder": 2.6,
    "address_block": 1.6,
    "web_name": 1.6,  # the name stands in the document's own mail or web address
    "sentence": -3.0,
    "implausible": -6.0,
    "bottom": -0.6,
    "repeated": 0.8,
    "block_head": 2.4,  # right over an address or phone and under none, in Japanese
    "beside_contact": 2.0,  # in Japanese: the address or phone stands right of it
    "office_head": 4.0,  # before its head: …市長 …
    "under_name": -3.0,  # a department, branch or person under the head of a block
    "over_name": -1.5,  # a motto or trade over it
    "first_name": 0.6,  # the first line of a Japanese invoice that may be a name
    "holder_part": 1.8,  # the account is in this name and a person's
    "in_account": -3.0,  # printed as the account's holder: better said elsewhere
    "department": -2.0,
    "over_officer": 2.6,  # right over 代表取締役 …, 院長 …
    "branch_alone": -4.5,  # 東口店 and no more
    "branch_below": 1.2,  # a chain's name over which shop it is
    "larger_below": -2.4,  # a trade or motto over a name in larger type
    "store_branch": -1.4,  # a branch's name (…店) under a chain's
    "in_items": -3.0,
    "under_number": -1.5,  # of a Western receipt: below its number or date
    "short": -2.0,  # up to three Latin letters
    "latin_among_japanese": -1.2,  # an English motto beside the name
    "in_address": -2.0,
    "comma": -2.0,
}

_PHONE = {
    BIAS: -3.5,
    "labelled": 6.0,
    "below_label": 4.0,
    "unlabelled": 2.2,
    "international": 0.8,
    "fax": -8.0,
    "recipients": -7.0,  # under the customer's name, and not under the issuer's
    "near_issuer": 1.5,
    "first": 1.0,
    "odd_length": -2.0,
    "direct": -4.0,  # of a department or person in charge: 直通, 内線
    "other_line": -2.5,  # for emergencies, bookings, works: 夜間, 保安
    "main": 2.0,  # 代表
    "of_part": -1.0,  # a department in brackets behind it
    "mobile": -1.0,
    "branch": -3.0,  # ends a branch's entry: 北営業所 〒060-… TEL 011-…
    "alone": 2.0,  # all of a line of the issuer's block
}

_BANK_ACCOUNTS = {
    BIAS: -3.5,
    "iban_valid": 7.0,
    "iban_labelled": 6.0,  # its check digits fail: made up, or misread
    "bank": 2.6,
    "branch": 1.4,
    "type": 1.8,
    "labelled_number": 1.6,
    "usual_length": 0.8,
    "holder": 0.5,
    "holder_guessed": -1.2,  # its place alone says that it is a name
    "holder_agrees": 1.0,  # the document names the same firm elsewhere
    "post_symbol": 5.0,
    "tabular": 1.0,  # out of a table whose keys name its parts
    "debited": -8.0,  # the payer's own, from which the sum is drawn
    "closed": -8.0,  # the line says that it is no longer used
    "branch_guessed": -1.0,  # its place alone says that it is one
    "sort_code": 2.0,  # a British bank's branch by its six digits stands before it
    "account_word": 2.0,  # a label calls it an account, outside Japan
}

WEIGHTS: dict[FieldName, dict[str, float]] = {
    FieldName.TOTAL_AMOUNT: _TOTAL,
    FieldName.SUBTOTAL: _SUBTOTAL,
    FieldName.TAX_AMOUNT: _TAX,
    FieldName.DOCUMENT_DATE: _DOCUMENT_DATE,
    FieldName.DUE_DATE: _DUE_DATE,
    FieldName.DOCUMENT_NUMBER: _DOCUMENT_NUMBER,
    FieldName.REGISTRATION_NUMBER: _REGISTRATION_NUMBER,
    FieldName.RECIPIENT_NAME: _RECIPIENT,
    FieldName.ISSUER_NAME: _ISSUER,
    FieldName.PHONE: _PHONE,
    FieldName.BANK_ACCOUNTS: _BANK_ACCOUNTS,
}
