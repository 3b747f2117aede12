"""Label wordings by role: the one place where the words of documents are listed.

Wordings are compared squashed (lower case, no accents, spaces, points or hyphens), the longest first, so that
``ご請求金額`` is not read as ``金額``. They are what forms and tills in general print: a wording belongs here when a
second, unrelated issuer would use it too.
"""

from __future__ import annotations

from enum import StrEnum, auto


class Role(StrEnum):
    """What a label says of the value beside it."""

    TOTAL_DUE = auto()
    TOTAL = auto()
    SUBTOTAL = auto()
    EXCLUSIVE = auto()
    INCLUSIVE = auto()
    TAX = auto()
    TAX_BASE = auto()
    WITHHOLDING = auto()
    PREVIOUS = auto()
    PAID = auto()
    TENDERED = auto()
    CHANGE = auto()
    POINTS = auto()
    DISCOUNT = auto()
    COUNT = auto()
    UNIT_PRICE = auto()
    AMOUNT = auto()
    ROUNDING = auto()
    ISSUE_DATE = auto()
    DATE = auto()
    DUE_DATE = auto()
    OTHER_DATE = auto()
    INVOICE_NUMBER = auto()
    NUMBER = auto()
    OTHER_NUMBER = auto()
    REGISTRATION = auto()
    TAX_NUMBER = auto()
    PHONE = auto()
    FAX = auto()
    BANK = auto()
    BRANCH = auto()
    ACCOUNT_TYPE = auto()
    ACCOUNT_NUMBER = auto()
    HOLDER = auto()
    POST_SYMBOL = auto()
    POST_NUMBER = auto()
    IBAN = auto()
    BIC = auto()
    RECIPIENT = auto()
    ISSUER = auto()
    TITLE_INVOICE = auto()
    TITLE_RECEIPT = auto()
    TITLE_OTHER = auto()
    COLUMN = auto()


WORDINGS: dict[Role, str] = {
    Role.TOTAL_DUE: """
        ご請求金額 御請求金額 請求金額 ご請求額 御請求額 請求額 今回請求額 今回ご請求額 今回御請求額 今回請求金額 今回ご請求金額
        今回御請求金額 当月請求額 当月ご請求額 当月御請求額 差引請求額 差引ご請求額 差引御請求額 差引請求金額 請求合計 ご請求合計
        御請求合計 請求合計額 請求合計金額 ご請求合計金額 御請求合計金額 請求総額 ご請求総額 お支払金額 お支払い金額 支払金額 お支払額
        お支払い額 支払額 支払合計 お支払合計 お支払い合計 お支払合計金額 お支払総額 差引支払額 差引お支払額 差引合計 差引合計額 差引合計金額
        お振込金額 振込金額 お振込額 領収金額 領収額 お買上金額 お買上げ金額 お買上額 お買上計 お買い上げ金額 お買上合計 お買上げ合計
        お買い上げ合計 お買上げ計 お会計 お会計金額 ご利用金額 ご利用合計 ご利用額 ご利用合計額 見積金額 お見積金額 御見積金額 御見積合計金額
        お見積合計金額 税込請求額 税込請求金額 ご請求金額合計 請求金額合計 御請求金額合計 精算金額 ご精算額 精算額
        |amount due|total due|due|total amount due|balance due|total balance due|amount payable|total payable|total amount payable|payable amount
        |amount to pay|total to pay|please pay|pay this amount|net payable|net amount payable|net amount due|invoice total|invoice amount|total invoice
        |total invoice amount|total invoice value|grand total|grandtotal|total a payer|net a payer|montant a payer|montant du|solde a payer|reste a payer|total du
        |total ttc|montant ttc|montant total ttc|total toutes taxes comprises|zahlbetrag|zahlungsbetrag|rechnungsbetrag|rechnungsendbetrag|rechnungssumme
        |gesamtbetrag|endbetrag|gesamtsumme|zu zahlen|zu zahlender betrag|noch zu zahlen|offener betrag|forderungsbetrag|bruttobetrag|gesamt brutto|brutto gesamt
        |bruttosumme|summe brutto|gesamtbetrag brutto|gesamtpreis brutto|te betalen|totaal te betalen|te betalen bedrag|totaalbedrag|totaal incl btw
        |totaal inclusief btw|importo totale|totale fattura|totale documento|totale a pagare|total a pagar|importe total|total factura|valor total|total general
        |nett total|net total payable|total amount payable incl gst|total sales inclusive gst|total sales incl gst|total incl gst|total incl vat|total inc vat
        |total incl tax|total inclusive gst|total inclusive of gst|total amt incl gst|total amount incl gst|total rounded|rounded total|total after rounding|total after adj
        |total amount incl vat|total including vat|total including tax|rounded total rm|final total|current amount due|new balance""",
    Role.TOTAL: """
        合計 合計額 合計金額 総合計 総計 総額 総合計金額 税込合計 税込合計額 税込合計金額 合計税込 税込金額 税込額 税込計 合計金額税込 現計 計
        お買上 料金 ご利用料金 運賃 代金 金額合計
        |total|totaal|totale|gesamt|summe|insgesamt|total amount|total amt|total sales|total price|totalamount|total sale|total bill|bill total|total charge|total charges
        |nettotal|order total|montant total|total general|total eur|total rm|total usd|total myr|total value|total cost|sum|net amt|nett amt|nett amount|nett|balance""",
    Role.SUBTOTAL: """
        小計 小計額 小計金額 税抜合計 税抜合計額 税抜合計金額 税抜小計 税抜計 税抜金額 税抜額 本体合計 本体価格合計 本体金額 税別合計 税抜金額合計 課税対象額合計 今回御買上額
        今回お買上額 今回買上額 当月御買上額 当月お買上額 合計税抜
        |subtotal|sub total|sub ttl|subttl|net amount|net total|total net|net value|total excl vat|total excl tax|total excl gst|total exclusive of vat|total before tax|total ex vat
        |total excluding gst|total excluding vat|total excluding tax|total exclude gst|untaxed amount|amount excl vat|amount before tax|taxable total|tax exclusive amount
        |netto|nettobetrag|nettosumme|summe netto|gesamt netto|netto gesamt|gesamtbetrag netto|zwischensumme|netto summe|warenwert|nettowarenwert|gesamtnetto|gesamtpreis netto
        |total ht|montant ht|sous total|total hors taxe|total hors taxes|montant total ht|total net ht|base ht|subtotaal|totaal excl btw|totaal exclusief btw|imponibile
        |totale imponibile|base imponible|subtotale|total lignes ht""",
    Role.EXCLUSIVE: """税抜 税抜き 税別 本体 本体価格 |excl vat|excl tax|excl gst|exclusive of gst|exclusive gst|excluding vat|excluding gst|excluding tax|before tax|hors taxe|ht|excl btw|exkl mwst|ex vat
        |excl|exkl|exclusief btw|ohne ust|ohne mwst|ohne umsatzsteuer|exclusive of vat|without tax|excluding|netto""",
    Role.INCLUSIVE: """税込 税込み 内税込 消費税込 消費税込み |incl vat|incl tax|incl gst|inclusive gst|inclusive of gst|inclusive of vat|inclusive of tax|including vat|including gst|including tax|ttc
        |incl btw|inkl mwst|inkl ust|inc vat|inc gst|brutto|incl|inkl|inc|gst inclusive|gst incl|gst inc|gst included|included|inclusief btw|inclusive|incl of gst|incl of tax|tax incl|tax included""",
    Role.TAX: """
        消費税 消費税等 消費税額 消費税額等 消費税合計 消費税計 内消費税 内消費税等 うち消費税 うち消費税等 うち消費税額 内税 外税 税額 税 内税額 外税額 税額合計 税合計 消費税額合計 内税合計 外税計 内税計
        消費税相当額 消費税及び地方消費税 地方消費税
        |tax|vat|gst|sst|sales tax|tax amount|vat amount|gst amount|total tax|total vat|total gst|tax total|vat total|taxes|output tax|service tax|cgst|sgst|igst|amount of tax|gst payable|hst|pst
        |mwst|ust|umsatzsteuer|mehrwertsteuer|mehrwertsteuerbetrag|umsatzsteuerbetrag|ust betrag|mwst betrag|steuerbetrag|summe mwst|summe ust|gesamt mwst|steuer|steuersumme|zzgl mwst|zzgl ust
        |zzgl umsatzsteuer|mwst gesamt|total mwst
        |tva|montant tva|total tva|montant de la tva|dont tva|btw|btw bedrag|totaal btw|iva|importo iva|totale iva|imposta|total taxes|montant taxe""",
    Role.TAX_BASE: """
        対象 対象額 対象計 対象合計 対象金額 課税対象 課税対象額 課税対象計 課税計 課税対象金額 税率対象 対象小計 課税額 課税売上 課税合計 非課税 非課税計 非課税額 不課税 税対象額 内税対象額 内税対象 外税対象額 外税対象
        消費税対象 消費税対象額 税率別内訳
        |taxable amount|taxable|taxable value|vat base|base tva|tax base|steuerbasis|bemessungsgrundlage|steuerpflichtiger betrag|nettobasis|base imponible tva|goods value|basisbetrag
        |gst summary|tax summary|zero rated|exempt|basis|base de tva""",
    Role.WITHHOLDING: "源泉所得税 源泉徴収 源泉徴収税 源泉徴収税額 源泉徴収額 源泉税 源泉徴収所得税 源泉所得税額 |withholding tax|withholding|retenue a la source|quellensteuer",
    Role.PREVIOUS: """
        前回請求額 前回ご請求額 前回御請求額 前回請求金額 前回ご請求金額 前回御請求金額 前月請求額 前月ご請求額 前月御請求額 前月残高 前回残高 前月繰越 前回繰越 前期繰越 繰越額 繰越金額 繰越残高 繰越 差引繰越額
        差引繰越金額 差引残高 御請求残高 前月繰越額 前回繰越額 前回御買上額 前月末残高 未回収額 未払残高 次回繰越
        |previous balance|balance forward|balance brought forward|brought forward|carried forward|balance carried forward|opening balance|prior balance|last bill|previous bill|previous amount
        |letzter saldo|saldo vortrag|saldovortrag|ubertrag|ancien solde|solde precedent|solde anterieur|report""",
    Role.PAID: """
        入金額 ご入金額 御入金額 今回入金額 今回ご入金額 今回御入金額 前受金 内金 前払金 入金 既払額 既払金額 ご入金 御入金 充当額 手付金
        |payment received|payments received|payments|amount paid|paid amount|already paid|deposit|prepaid|prepayment|advance payment|less payment|total paid|paid|total prepaid amount
        |anzahlung|bereits bezahlt|gezahlt|zahlungseingang|abzuglich anzahlung|vorauszahlung|acompte|deja paye|montant paye|acompte verse|acomptes|reeds betaald|betaald|acconto|prepaid amount""",
    Role.TENDERED: """
        お預り お預かり お預り金 お預かり金 お預り金額 お預かり金額 預り 預り金 預り金額 お預り額 お預り計 お預り合計 現金 現金お預り クレジット クレジットカード クレジット支払 カード カード払い 電子マネー 交通系IC Edy nanaco WAON
        PayPay ペイペイ d払い QR決済 商品券 QUICPay 楽天ペイ auPAY
        |cash|cash tendered|tendered|tender|amount tendered|cash received|received|cash amount|visa|mastercard|master|amex|debit|debit card|credit card|card|gegeben|bar gegeben|bargeld|especes|carte bancaire|contant|cash paid|nets|credit|credit card payment""",
    Role.CHANGE: """
        お釣 お釣り おつり 釣銭 釣り銭 お釣銭 釣り お釣り金額 おつり金額 つり銭
        |change|change due|cash change|ruckgeld|zuruck|rendu|rendu monnaie|wisselgeld|resto|cambio|your change|change amount|baki|balance change""",
    Role.POINTS: """
        ポイント 今回ポイント 獲得ポイント 累計ポイント 保有ポイント 付与ポイント 利用ポイント ポイント残高 ポイント利用 ポイント対象 ポイント対象額 ポイント支払 累計 残高 スタンプ カード残高 チャージ残高 マイル
        |points|point balance|points earned|loyalty points|bonus points|point|total points|card balance|available balance""",
    Role.DISCOUNT: """
        値引 値引き 割引 割引額 値引額 値引合計 値引計 お値引 お値引き クーポン クーポン値引 割引合計 クーポン利用 割引金額 会員割引 まとめ割
        |discount|total discount|you saved|total savings|savings|rabatt|skonto|remise|korting|sconto|descuento|disc|disc amt|discount amount|less discount|voucher|total saving|rebate""",
    Role.COUNT: """
        点数 合計点数 お買上点数 お買上げ点数 お買い上げ点数 数量 買上点数 合計数量 計点数 人数 個数 枚数 客数 お客様数
        |qty|quantity|total qty|total quantity|total items|total item|items|item count|no of items|number of items|menge|anzahl|quantite|aantal|pcs|total pcs|qte|total no of items|total pieces|weight|pax
        |item count|total item qty|items sold|no of item""",
    Role.UNIT_PRICE: "単価 |unit price|price|einzelpreis|preis|prix unitaire|pu ht|stukprijs|prijs|rate|u price|unit cost|e preis|unitprice",
    Role.AMOUNT: "金額 価格 御金額 |amount|amt|betrag|gesamtpreis|montant|bedrag|importo|importe|line total|net price|value",
    Role.ROUNDING: "端数 端数調整 端数値引 |rounding|rounding adj|rounding adjustment|rounding adjustments|round adj|round|rounding amount|rnd adj|rundung|arrondi|roundingadj|round off|rounded",
    Role.ISSUE_DATE: """
        発行日 発行年月日 請求日 ご請求日 御請求日 請求年月日 請求書発行日 請求書日付 作成日 作成年月日 領収日 領収年月日 見積日 見積年月日 お見積日 御見積日 見積書発行日 発行 伝票日付 納品書発行日
        |invoice date|date of invoice|invoice dated|date of issue|issue date|issued|issued on|date issued|bill date|billing date|receipt date|document date|doc date|tax invoice date|invoice issued
        |rechnungsdatum|datum der rechnung|ausstellungsdatum|belegdatum|rechnung vom|rechnungsdat|re datum|datum re|bescheiddatum|erstellt am|date de facture|date facture|date de la facture
        |date d emission|date demission|facture du|emise le|factuurdatum|factuur datum|data fattura|data documento|data di emissione|fecha de factura|fecha factura|fecha de emision|data de emissao|data da fatura
        |statement date|transaction date|purchase date|inv date""",
    Role.DATE: "日付 年月日 日時 取引日 取引日時 お取引日 利用日 ご利用日 ご利用日時 お買上日 会計日 精算日時 売上日 出庫時刻 |date|datum|date time|datetime|data|fecha|le|dato|trans date|print date|tarikh|bill dt|date & time",
    Role.DUE_DATE: """
        お支払期限 お支払い期限 支払期限 支払い期限 支払期日 お支払期日 お支払い期日 振込期限 お振込期限 お振込み期限 振込期日 お振込期日 お振込み期日 入金期限 ご入金期限 納付期限 支払日 お支払日 お支払い日 支払予定日 お支払予定日
        振替日 口座振替日 引落日 お引落日 口座引落日 ご入金期日 入金期日 決済期日 お支払い予定日 ご請求期限
        |due date|date due|payment due|payment due date|due on|due by|pay by|payable by|due|payment date|please pay by|to be paid by|payment deadline|last date of payment
        |zahlbar bis|zahlbar bis zum|zahlungsziel|falligkeit|falligkeitsdatum|fallig am|fallig|zahlungsfrist|zu zahlen bis|zahlungsfallig am|zahlbar am|bis zum|bis spatestens
        |echeance|date decheance|date d echeance|a payer avant le|a regler avant le|payable avant le|date limite de paiement|date de reglement|reglement le|vervaldatum|vervaldag|uiterste betaaldatum|te betalen voor|scadenza|data scadenza|vencimiento
        |fecha de vencimiento|vencimento|data de vencimento""",
    Role.OTHER_DATE: """
        納品日 納期 納入日 出荷日 発送日 ご利用期間 利用期間 対象期間 請求期間 期間 締日 締切日 〆日 注文日 ご注文日 受注日 発注日 有効期限 見積有効期限 検収日 売上日付 生年月日 納入期日 納入期限 宿泊日 入庫時刻 入場 お預り日 お渡し日 仕上予定日 仕上り日
        作業日 完了日 契約日 契約期間 お取引期間 ご請求期間 前回請求日 使用期間 次回 予約日
        |delivery date|date of delivery|supply date|date of supply|order date|date of order|ship date|shipping date|shipped|service date|service period|billing period|period|valid until|expiry date|exp date|expires|print date time
        |lieferdatum|leistungsdatum|leistungszeitraum|lieferzeitraum|bestelldatum|auftragsdatum|liefertermin|abrechnungszeitraum|zeitraum|bestellt am|gultig bis|geburtsdatum|date de livraison|date de commande|date de la commande|periode
        |leverdatum|besteldatum|orderdatum|date of birth|departure|arrival|check in|check out|tax point|tax point date|versanddatum|buchungsdatum|po date|so date|booking date|from|until|kaufdatum""",
    Role.INVOICE_NUMBER: """
        請求書番号 請求書no 請求書no 請求番号 請求no 請求書nr ご請求番号 御請求番号 請求書コード 領収書番号 領収書no 領収no 領収証番号 領収番号 領収証no 見積書番号 見積番号 見積no 見積書no 文書番号 発行番号 管理番号 書類番号 帳票番号
        伝票番号 伝票no 納品書番号 納品書no レシート番号 レシートno 取引番号 取引no 控番号 処理番号 証憑番号
        |invoice number|invoice no|invoice nr|invoice num|invoice id|invoice #|invoice|invoiceno|inv no|inv nr|inv #|inv|tax invoice no|tax invoice number|tax invoice|bill no|bill number|bill #|bill|receipt no|receipt number|receipt #|receipt|rcpt no|rcpt #|rcpt|document no
        |document number|document nr|doc no|doc number|doc #|transaction no|trans no|trn no|slip no|slip|trx no|cash bill no|check no|chk no|chk|statement no|credit note no|credit note|sales invoice no|trans #|check #|invoicenumber|ref invoice no
        |rechnungsnummer|rechnungsnr|rechnung nr|rechnung nummer|rechnung no|rechnung|rechnungs nr|re nr|belegnummer|belegnr|beleg nr|rgnr|rechnungs no|rechnungskorrektur|rechnungskorrektur nr|gutschrift nr|gutschrift|rechnungskorrekturnummer|bon nr|versicherungsscheinnummer rechnung
        |numero de facture|no de facture|facture n°|facture no|facture nº|n° facture|n° de facture|no facture|facture|numero facture|num facture|factuurnummer|factuurnr|factuur nr|factuur no|factuur
        |numero fattura|fattura n|fattura nr|fattura n°|fattura|no fattura|numero documento|numero de factura|factura n|factura no|factura n°|factura|n° factura|numero da fatura|fatura no|fatura n|fatura""",
    Role.NUMBER: "no 番号 № |number|nr|n°|nº|no|ref no|reference|ref|reference no|reference number|#|our ref|referenz|numero|num|our reference",
    Role.OTHER_NUMBER: """
        注文番号 ご注文番号 注文no 発注番号 受注番号 顧客番号 お客様番号 お客様コード 得意先コード 得意先番号 会員番号 会員no 契約番号 案件番号 担当者コード 担当no 担当 レジ レジno レジ番号 責no 責任者 責 店番号 店no 店舗no 機番 端末番号 承認番号 取引先コード 取引先番号
        テーブル 卓番 席番 部屋番号 伝票枚数 口座番号 車番 車両番号 無線番号 カード番号 管理no 商品番号 製造番号 型番 品番 お問合せ番号 お問い合わせ番号 受付番号 社員番号 納品番号 店コード 取引コード 乗務員 乗務員番号 精算機 精算機no 貸出番号 会員 スタッフ 郵便番号 法人番号 部門
        |order no|order number|order id|order|order #|purchase order|purchase order no|po no|po number|po|p o|customer no|customer number|customer id|customer code|client no|client number|client id|account no|account number|account|acct no|acc no|contract no|contract number|job no|project no
        |cashier|cashier id|terminal|terminal id|till|pos|pos no|station|counter|table|table no|member|member no|member id|staff|sales person|salesperson|server|register|reg|shift|batch|batch no|approval code|auth code|trace no|merchant id|tid|mid|ref code|delivery note no|do no|company reg no|co reg no|reg no|roc no|co no|roc|cust no
        |card no|store|store no|store #|outlet|customer ref|your ref|your reference|item no|article no|shipment no|tracking no|tour|your order|customer|transaction id|booking no|booking number
        |kundennummer|kundennr|kunden nr|kd nr|kdnr|auftragsnummer|auftragsnr|auftrag nr|auftrag|bestellnummer|bestellnr|bestell nr|bestellung|bestellung nr|ihre bestellung|lieferschein|lieferscheinnummer|lieferschein nr|vertragsnummer|versicherungsnummer|handelsregister|hrb|hra|artikelnummer|artikelnr|art nr|pos nr|kundenreferenz
        |lieferantennummer|lieferantennr|lieferanten nr|debitorennummer|debitor|mandatsreferenz|mandatsref|glaubiger id|sachbearbeiter|bearbeiter|position|ihr zeichen|unser zeichen|projekt|projektnummer|vorgangsnummer|partner nr|steuerberater nr|gln|personalnummer|vertragskonto|ihre auftragsnummer
        |numero client|n° client|no client|code client|client|n° commande|numero de commande|commande|commande n°|votre commande|siret|siren|ape|rcs|naf|bon de livraison|contrat|klantnummer|klantnr|ordernummer|bestelnummer|kvk|kvk nummer|codice cliente|ordine|pedido|cliente|contract""",
    Role.REGISTRATION: """
        登録番号 登録no 事業者登録番号 適格請求書発行事業者登録番号 適格請求書発行事業者番号 適格請求書登録番号 インボイス番号 インボイス登録番号 適格事業者番号 適格請求書事業者登録番号 事業者番号 課税事業者番号
        |vat id|vat no|vat number|vat reg no|vat registration no|vat registration number|vat reg|vat registration|vat identification number|vatin|tax id|tax id no|tax registration no|tax identification number|tax reg no|tin|gst no|gst id|gst id no|gst reg no|gst reg|gst registration no|gst registration number|gstin|gst number
        |gst reg #|gst #|gstid|sst id|sst no|sst reg no|service tax no|service tax reg no|ust id|ust idnr|ust id nr|ust id no|ustid|ustidnr|umsatzsteuer id|umsatzsteueridentnr|umsatzsteuer identifikationsnummer|ust identnr|mwst nr|uid|uid nr|uid nummer|abn
        |n° tva|no tva|numero tva|tva intracommunautaire|n° tva intracommunautaire|no tva intracommunautaire|tva intracom|n° tva intracom|id tva|numero de tva|code tva|btw nummer|btw nr|btw id|btw|partita iva|p iva|piva|nif|cif|nipc|vat|tva|cnpj|vat id no|ust id|tva n°|eu vat""",
    Role.TAX_NUMBER: "|steuernummer|steuernr|steuer nr|st nr|stnr|finanzamt|codice fiscale|pan no|pan|cin",
    Role.PHONE: "電話 電話番号 でんわ 連絡先 お問い合わせ お問合せ先 お問合せ お問い合わせ先 |tel|telephone|phone|phone no|tel no|telefon|telephon|telefoon|telefono|fon|tel/fax|telno|ph|contact no|contact|hotline|mobile|handy|mobil|customer service|℡|☎|☏|portable|hp|gsm|tlf|careline|call|t",
    Role.FAX: "ファックス ファクス ファクシミリ |fax|fax no|telefax|telecopie|faksimile|tel & fax|f",
    Role.BANK: "銀行名 金融機関 金融機関名 お振込先 振込先 お振込み先 お振込先銀行 振込先銀行 振込先口座 お振込先口座 取引銀行 振込銀行 振込口座 お振込口座 お支払先 お支払い先 |bank|bank name|bankname|bankverbindung|bank details|banque|kreditinstitut|banca|banco|payment details",
    Role.BRANCH: "支店名 支店 店名 店番 支店コード 支店番号 本支店 本支店名 |branch|branch name|filiale|agence",
    Role.ACCOUNT_TYPE: "口座種別 預金種別 種別 種類 口座種類 預金種目 科目 預金科目",
    Role.ACCOUNT_NUMBER: "口座番号 口座no 口座 |bank account no|bank account number|bank account|bank a/c|bank a/c no|bank acc no|kontonummer|konto nr|kontonr|konto|numero de compte|rekeningnummer|compte n°|a/c no|ac no",
    Role.HOLDER: "口座名義 口座名義人 名義 名義人 口座名 口座名義カナ 受取人 受取人名 受取人口座名 加入者名 おなまえ 口座名称 口座名義名 フリガナ |account name|account holder|beneficiary|beneficiary name|kontoinhaber|inhaber|titulaire|titulaire du compte|ten name van|intestatario|titular|name of account|payee|empfanger|zahlungsempfanger",
    Role.POST_SYMBOL: "記号 口座記号",
    Role.POST_NUMBER: "口座記号番号 記号番号 振替口座 郵便振替",
    Role.IBAN: "|iban|iban no|iban nr|iban code|ibannr",
    Role.BIC: "|bic|swift|swift code|bic/swift|swift/bic|bic code|swiftcode|swift bic|bicswift|blz|bankleitzahl|routing number|sort code",
    Role.RECIPIENT: """
        宛先 請求先 ご請求先 御請求先 請求先名 宛名 お客様名 御客様名 ご依頼主 お客様 ご契約者 ご契約者名 お名前 得意先 得意先名 お届け先 納品先 注文者 ご請求先名 購入者
        |bill to|billed to|billing to|invoice to|invoiced to|sold to|billing address|bill address|customer name|customer|client|client name|ship to|deliver to|delivery address|buyer|attention|attn|to|m/s|recipient|invoice recipient|invoice address|shipping address
        |rechnungsempfanger|kunde|rechnung an|rechnungsadresse|auftraggeber|leistungsempfanger|rechnungsanschrift|lieferanschrift|lieferadresse|kaufer|lieferempfanger|abweichende lieferanschrift|warenempfanger|versicherungsnehmer|fahrgast|patient
        |facture a|adresse de facturation|client|adresse de livraison|destinataire|acheteur|livre a|facturer a|factuuradres|factuur aan|aan|afleveradres|destinatario|spettle|cliente|facturar a|cessionario|debtor|consignee""",
    Role.ISSUER: """
        発行者 発行元 請求元 請求者 発行者名 発行会社 販売元 販売者 領収者 請求元名 会社名 店舗名 店名 事業者名 ご請求者 見積元
        |from|bill from|seller|vendor|supplier|issued by|sold by|company|company name|merchant|service provider|remit to|lieferant|verkaufer|rechnungssteller|absender|leistungserbringer|auftragnehmer|vendeur|fournisseur|emetteur
        |leverancier|fornitore|proveedor|vendedor|cedente|emisor|supplier name|payable to|creditor|make cheques payable to|make checks payable to|cheques payable to""",
    Role.COLUMN: "品名 商品名 品番・品名 摘要 内容 項目 明細 備考 商品 品目 単位 税率 取引内容 商品コード メニュー |description|item|items|item description|particulars|product|bezeichnung|beschreibung|artikel|artikelbezeichnung|leistung|designation|libelle|omschrijving|produkt|title|unit|u/p|disc %|s/p|user|payment mode|service|details",
    Role.TITLE_INVOICE: "請求書 御請求書 ご請求書 請求明細書 適格請求書 請求明細 区分記載請求書 納品請求書 納品書兼請求書 請求書兼領収書 請求書兼納品書",
    Role.TITLE_RECEIPT: "領収書 領収証 領收書 領收證 レシート 領収証書 領収明細 受領書 ご利用明細 お買上明細 お買上票 利用明細 |cash sales|cash bill|official receipt|till receipt|sales receipt|cash receipt|quittung|kassenbon|kassenbeleg|bewirtungsbeleg|ticket de caisse|recu|kassabon|scontrino|recibo|cash sale",
    Role.TITLE_OTHER: "見積書 御見積書 お見積書 納品書 注文書 発注書 注文請書 検収書 契約書 支払通知書 送付状 仕入明細書 給与明細 申込書 稟議書 報告書 申請書 |quotation|quote|purchase order|delivery note|packing list|proforma|estimate|contract|agreement|angebot|lieferschein|auftragsbestatigung|devis|bon de commande|offerte|report|bill of lading|waybill|statement of work|certificate|application",
}
"""Japanese wordings are separated by white space; after the first ``|`` the others, which may hold spaces, by ``|``."""


def wordings(role: Role) -> list[str]:
    """The role's wordings as they are listed."""
    japanese, *others = WORDINGS[role].split("|")
    return [*japanese.split(), *(" ".join(other.split()) for other in others if other.strip())]
