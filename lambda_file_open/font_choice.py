"""Which of the installed faces stands in for a font that a PDF names and does not carry.

As a reader of Japanese invoices would want it: the font itself where it is installed; else one of the same script and
style (gothic or mincho, MS Gothic's fixed pitch or MS PGothic's own widths). For Latin text there is mostly no choice
made here: PDFium's built-in fonts fit their widths to the document's, which no other font can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lambda_file_open.font_tables import Face, Script, normal_name

_J, _S, _T, _K = Script.JAPANESE, Script.SIMPLIFIED_CHINESE, Script.TRADITIONAL_CHINESE, Script.KOREAN
_SHIFT_JIS = 128
_SYMBOL = 2
_ANSI = 0
SCRIPT_OF_CHARSET: Mapping[int, Script] = {
    _SHIFT_JIS: _J,
    129: _K,
    134: _S,
    136: _T,
    161: Script.GREEK,
    177: Script.HEBREW,
    178: Script.ARABIC,
    204: Script.CYRILLIC,
    222: Script.THAI,
}
"""PDFium's character sets are those of Windows (FXFONT_*_CHARSET in fpdf_sysfontinfo.h)."""
_CODEC_OF_CHARSET = {129: "cp949", 134: "gbk", 136: "cp950"}
_BOLD_FROM = 600
_MAX_NAME_BYTES = 256

_CJK: Mapping[Script, tuple[Script, ...]] = {
    _J: (_J, _T, _S, _K),
    _S: (_S, _T, _J, _K),
    _T: (_T, _J, _S, _K),
    _K: (_K, _J, _T, _S),
}
"""Whose fonts are tried for a script, in turn: they share most ideographs."""

_KNOWN_FAMILIES: Sequence[tuple[Script, bool, str]] = (
    (
        _J,
        False,
        """
        msgothic mspgothic msuigothic meiryo メイリオ yugoth 游ゴシック hiraginosans hiraginokaku hiraginomaru
        ヒラギノ角 ヒラギノ丸 hirakaku hiramaru heiseikaku heiseimaru 平成角 平成丸 kozgo 小塚ゴシック gothicbbb
        gothicmb101 futogo midashigo jun101 shingo udshingo bizudgothic bizudpgothic ipagothic ipapgothic
        ipaexgothic takaogothic takaopgothic takaoexgothic vlgothic vlpgothic kochigothic osaka notosanscjkjp
        notosansmonocjkjp notosansjp sourcehansans hggothic hgpgothic hgsgothic hgmaru hgpsoei hgsoei hgssoei
        mplus1 dfgothic dfpgothic
        """,
    ),
    (
        _J,
        True,
        """
        msmincho mspmincho yumin 游明朝 hiraginomin ヒラギノ明朝 hiramin heiseimin 平成明朝 kozmin 小塚明朝
        ryumin futomin midashimin bizudmincho bizudpmincho ipamincho ipapmincho ipaexmincho takaomincho
        takaopmincho takaoexmincho kochimincho notoserifcjkjp notoserifjp sourcehanserif hgmincho hgpmincho
        hgsmincho hgkyokasho dfmincho dfpmincho udkyokasho
        """,
    ),
    (
        _S,
        False,
        """
        simhei 黑体 microsoftyahei msyh 微软雅黑 stheiti stxihei 华文黑体 华文细黑 pingfangsc heitisc dengxian
        等线 hiraginosansgb adobeheiti notosanscjksc notosansmonocjksc notosanssc sourcehansanssc
        sourcehansanscn wenquanyi droidsansfallback
        """,
    ),
    (
        _S,
        True,
        """
        simsun nsimsun 宋体 新宋体 stsong stzhongsong 华文宋体 华文中宋 songti simfang fangsong 仿宋 stfangsong
        simkai kaiti 楷体 stkaiti adobesong adobefangsong adobekaiti notoserifcjksc notoserifsc sourcehanserifsc
        sourcehanserifcn
        """,
    ),
    (
        _T,
        False,
        """
        microsoftjhenghei msjh 微軟正黑 pingfangtc pingfanghk heititc lihei mhei adobefanheiti notosanscjktc
        notosanscjkhk notosansmonocjktc notosansmonocjkhk notosanstc sourcehansanstc sourcehansanshk
        """,
    ),
    (
        _T,
        True,
        """
        mingliu pmingliu 細明體 新細明體 msung dfkai 標楷體 biaukai lisong adobeming notoserifcjktc notoserifcjkhk
        notoseriftc sourcehanseriftc
        """,
    ),
    (
        _K,
        False,
        """
        gulim 굴림 dotum 돋움 malgun 맑은고딕 hygoth hygraphic nanumgothic nanumbarun nanumsquare 나눔고딕
        applegothic applesdgothic adobegothicstd notosanscjkkr notosansmonocjkkr notosanskr sourcehansanskr
        """,
    ),
    (
        _K,
        True,
        """
        batang 바탕 gungsuh 궁서 hysmyeongjo hymyeongjo nanummyeongjo 나눔명조 applemyungjo adobemyungjo
        notoserifcjkkr notoserifkr sourcehanserifkr
        """,
    ),
    (
        Script.ARABIC,
        True,
        """
        traditionalarabic simplifiedarabic arabictypesetting arabictransparent sakkalmajalla andalus aldhabi
        urdutypesetting albayan amiri notonaskh notosansarabic geezapro kacst
        """,
    ),
    (
        Script.HEBREW,
        True,
        """
        david miriam frankruehl gisha levenim narkisim aharoni notosanshebrew notoserifhebrew
        """,
    ),
    (
        Script.THAI,
        True,
        """
        angsana browallia cordia dilleniaupc eucrosia thsarabun leelawadee notosansthai
        """,
    ),
)
"""Script, whether it has serifs, and how the names begin; the longest beginning that fits decides."""
_STYLE_OF_NAME = {
    beginning: (script, serif) for script, serif, beginnings in _KNOWN_FAMILIES for beginning in beginnings.split()
}
_LONGEST_BEGINNING = max(map(len, _STYLE_OF_NAME))

_SAME_WIDTHS: Mapping[str, tuple[str, ...]] = {
    "helvetica": ("arial", "liberationsans", "arimo"),
    "times": ("timesnewroman", "liberationserif", "tinos"),
    "courier": ("couriernew", "liberationmono", "cousine"),
}
"""Families as wide as the three that every reader has, with more characters than PDFium's own cuts of them."""

_VENDOR = re.compile(r"^(?:@|aotf(?:k(?=[a-z]))?|fot(?=[a-z]))")
_OWN_WIDTHS = re.compile(r"^(?:ms|hg|ipa|takao|bizud|vl|df)p(?=gothic|mincho|ゴシック|明朝)|^msui|^hgps")
_YEN_FOR_BACKSLASH = re.compile(r"^(?:ms|ipa(?!ex))")
"""Families that draw U+005C as a yen sign. PDFium takes it for U+00A5 in Japanese fonts (CPDF_CIDFont), so that any
other shows 12,345 yen as \\12,345."""
_JAPANESE_WORDS = re.compile(r"ゴシック|明朝|角ゴ|丸ゴ|教科書体|楷書体")
_SANS_WORDS = re.compile(r"goth|gosic|ゴシック|ゴ|kaku|maru|sans|hei|黑|黒|고딕|굴림|돋움")
_SERIF_WORDS = re.compile(
    r"min(?!i)|明朝|明體|serif|roman|song|sung|宋|楷|kai(?!se)|batang|myeongjo|myungjo|명조|바탕|kyokasho|教科書"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FontRequest:
    """What PDFium asks for when a PDF does not carry a font.

    Attributes:
        untrusted_name: As the document writes it, in whatever encoding, cut down by PDFium.
        charset: Windows' number; 0 (ANSI) says nothing of the script.
        serif: What the document's font descriptor says, as the next.
    """

    untrusted_name: bytes
    charset: int = _ANSI
    weight: int = 400
    italic: bool = False
    serif: bool = False
    fixed_pitch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a face should be like; ``None`` where it does not matter."""

    script: Script | None
    serif: bool | None
    fixed_pitch: bool | None
    weight: int
    italic: bool


class FontChooser:
    """Chooses among faces; the same request always gets the same face."""

    def __init__(self, faces: Iterable[Face]) -> None:
        self._faces = tuple(faces)
        self._homes = {id(face): _home(face) for face in self._faces}
        self._by_name: dict[str, list[Face]] = {}
        for face in self._faces:
            for name in face.names:
                self._by_name.setdefault(name, []).append(face)

    def choose(self, request: FontRequest) -> Face | None:
        """The face to draw with; ``None`` where PDFium's built-in fonts do better, or nothing fits."""
        name = _VENDOR.sub("", normal_name(_decoded(request)))
        wish = _Wish(script=None, serif=None, fixed_pitch=None, weight=request.weight, italic=request.italic)
        if installed := self._by_name.get(name):
            return self._nearest(installed, wish)
        for base, families in _SAME_WIDTHS.items():
            if name.startswith(base) and request.charset in {_ANSI, _SYMBOL}:
                return self._nearest(self._named(families), wish)
        script, serif = _style_of_name(name)
        script = SCRIPT_OF_CHARSET.get(request.charset, script)
        if script is None:
            if request.fixed_pitch and request.charset == _ANSI:
                return self._nearest(self._named(_SAME_WIDTHS["courier"]), wish)
            return None
        if serif is None:
            serif = bool(_SERIF_WORDS.search(name)) or (request.serif and not _SANS_WORDS.search(name))
        # Japanese kana fill their cell, but in the fonts that say otherwise.
        fixed_pitch = not _OWN_WIDTHS.search(name) if script is _J else request.fixed_pitch
        wish = _Wish(script=script, serif=serif, fixed_pitch=fixed_pitch, weight=request.weight, italic=request.italic)
        for writes in _CJK.get(script, (script,)):
            if able := [face for face in self._faces if writes in face.scripts]:
                return self._nearest(able, wish)
        return None

    def named(self, untrusted_name: bytes) -> Face | None:
        """The installed face of this very name; of a family the upright regular one."""
        name = normal_name(_decoded(FontRequest(untrusted_name=untrusted_name)))
        wish = _Wish(script=None, serif=None, fixed_pitch=None, weight=400, italic=False)
        return self._nearest(self._by_name.get(name, ()), wish)

    def _named(self, families: Sequence[str]) -> Sequence[Face]:
        """The faces of the first of these families that is installed."""
        return next((self._by_name[family] for family in families if family in self._by_name), ())

    def _nearest(self, faces: Sequence[Face], wish: _Wish) -> Face | None:
        return min(faces, key=lambda face: self._distance(face, wish), default=None)

    def _distance(self, face: Face, wish: _Wish) -> tuple[int, bool, bool, bool, bool, int, bool, int, int, str]:
        """What is wrong with a face, the worst first."""
        wanted_weight = 700 if wish.weight >= _BOLD_FROM else 400
        return (
            self._foreignness(face, wish.script),
            wish.script is not None and Script.LATIN not in face.scripts,
            wish.serif is not None and face.serif != wish.serif,
            wish.script is _J and not _YEN_FOR_BACKSLASH.search(normal_name(face.family)),
            wish.fixed_pitch is not None and face.fixed_pitch != wish.fixed_pitch,
            abs(face.weight - wanted_weight),
            face.italic != wish.italic,
            abs(face.width - 5),
            -face.character_count,
            face.name,
        )

    def _foreignness(self, face: Face, script: Script | None) -> int:
        """0 for a face of the script itself, 1 for one that does not tell, 2 for another's."""
        if script not in _CJK:
            return 0
        home = self._homes[id(face)]
        return 1 if home is None else 2 * (home is not script)


def _decoded(request: FontRequest) -> str:
    written = request.untrusted_name[:_MAX_NAME_BYTES]
    for codec in ("utf_8", _CODEC_OF_CHARSET.get(request.charset, "cp932")):
        try:
            return written.decode(codec)
        except UnicodeDecodeError:
            continue
    return written.decode("latin_1")


def _style_of_name(name: str) -> tuple[Script | None, bool | None]:
    """Script and whether it has serifs, as far as the name tells."""
    for length in range(min(len(name), _LONGEST_BEGINNING), 1, -1):
        if style := _STYLE_OF_NAME.get(name[:length]):
            return style
    if _JAPANESE_WORDS.search(name):
        return _J, None
    return None, None


def _home(face: Face) -> Script | None:
    """Whose shapes a CJK face draws shared ideographs in; ``None`` where it does not tell."""
    written = [script for script in _CJK if script in face.scripts]
    if len(written) == 1:
        return written[0]
    script, _ = _style_of_name(normal_name(face.family))
    return script
