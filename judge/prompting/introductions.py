"""Whether what stands before a verdict leads to it: nobody can list the ways to introduce what is none.

So an object may follow nothing, prose that has come to its end, or an announcement: a phrase of known words alone, in
the languages that judges write. "Example:", "Trace 2 claims:", "Rejected:" are none in any language, and the judge is
asked again. Marks of other formats (`[[A]]`) stand within sentences: for them, the words that deny are listed.
"""

from __future__ import annotations

import re

from judge.prompting.final_text import UnparsedError

_ANNOUNCE = """
    answer answers assessment assessments checklist comparison conclusion decision decisions evaluation evaluations
    final finally follows hence here json judgement judgements judgment judgments output overall ranking rating ratings
    reply response result results score scores so summary therefore thus verdict verdicts
    antwort ausgabe bewertung bewertungen entscheidung ergebnis fazit urteil urteile
    jugement jugements réponse résultat résultats évaluation décision
    conclusión decisión evaluación juicio respuesta resultado resultados veredicto veredictos
    avaliação conclusão decisão julgamento resposta veredito giudizio risposta risultato valutazione verdetto
    вердикт вывод ответ оценка результат решение antwoord oordeel resultaat karar sonuç
    결과 결론 답변 판단 판정 평가
"""
"""words of which one must be there"""
_BESIDE = """
    a above after all an analysis and are as at based below both by careful certainly compact compared comparing
    conclude considering criteria criterion each evaluating every following for format give given go i in is it items
    judge judging let ll me my now object of ok okay on or order pair please present produce provide provided reasoning
    requested required return right rubric rules s schema single specified step structured sure that the these this to
    traces two under valid ve will with write you your
    abschließende abschließendes das der die endgültige endgültiges folgt hier im ist lautet mein meine wie
    c ce d de est finale l la le les ma mes mon sont voici voilà
    aquí continuación definitiva definitivo el en es esta está este mi mis son aqui com e meu minha o os é ecco formato
    il mia mio
    вот итоговая итоговый моя моё мой definitieve het mijn nihai
    나의 다음은 제 최종
"""
"""words that may stand beside them"""
_WORD = re.compile(r"[^\W\d_]+")
_PUNCTUATION = " \t*_#:,.'\"()`-\u2019\uff1a0123456789"
_ANNOUNCING = frozenset(_WORD.findall(_ANNOUNCE))
_KNOWN = _ANNOUNCING | frozenset(_WORD.findall(_BESIDE))
_CHINESE_JAPANESE = re.compile(
    """(?x)(?:最[終终]|以下|如下|我|私|的|の|是|为|為|が|は|で|です|示す|格式|形式|次|通り|とおり|json|\\s
    |(?P<announces>[判裁][断斷定决決]|[结結][论論果]|[评評][估价価價]|[答回][案答复復]|[输輸出][出力]))+""",
    re.IGNORECASE,
)
_LAST_CHARS = 400
"""before a verdict: what is looked through"""
_LEAST_WORDS, _LEAST_IN_LIST = 5, 3
"""of a line that is prose, and no heading, though no full stop ends it; of one of a list or a table"""
_RULE = re.compile(r"(?:\A|\n)[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})\s*\Z")
"""a line across the page: it introduces nothing"""
_SENTENCE_END = re.compile(
    r"""(?x) (?<=[^\s.]) [.!] (?!\.) ["'\u201d\u2019)\]*_]* (?=\s|\Z) | [\u3002\uff01] | </[\w:.-]{1,40}\s?> | -->"""
)
_BEGINNING = re.compile(
    r"""(?ix) \A\s* (?: <s> | <bos> | <\|begin_of_text\|> | <start_of_turn>model | <\|im_start\|>assistant
    | <\|assistant\|> | <\|start_header_id\|>assistant<\|end_header_id\|> )+"""
)
"""tokens of templates with which a reply begins"""
_TURN = re.compile(r"<\|?[a-z_]{1,40}\|>|<(?:start|end)_of_turn>|\[/?[A-Z][A-Z_]{2,30}\]")
"""other tokens of templates: what stands after one is of another turn, or a tool's"""
_UNABLE = (
    r"(?:can(?:no|['\u2019])t | unable \s to | not \s able \s to | won['\u2019]t | (?:refuse|decline) \s to)"
    r"\s (?:\w+\s){0,2}"
)
_TAKES_BACK = re.compile(
    rf"""(?ix) \b (?:
      (?:is|was|as|only|just) \s (?:only\s|just\s)? (?:an?\s|the\s|my\s)? (?:draft|example|guess|placeholder|template)
    | sorry | as \s an \s ai | would \s (?:say|answer|output|look)
    | {_UNABLE} (?: assist | help | comply | (?:judge|evaluate|compare) \s (?:this|these|that|them|the\straces|it) )
    | (?:ignore|disregard) \s (?:this|that|the\sfollowing|it|what)
    | (?:labels|slots|names|sides|orders?) \s (?:are|were|is) \s (?:swapped|reversed|exchanged)
    | (?:first|second) ['"\u2019\u201d]? ,? \s
      (?: means | denotes | refers | stands | is \s (?:the\sother | trace | the\s(?:first|second)\strace) )
    | call \s (?:trace|the)\b [^.]* (?:first|second)
    ) \b"""
)
"""before an object: words that take back what it says, or turn it round"""
_NAMES_NONE = """
    draft|example|placeholder|preliminary|provisional|sample|template|tentative|initial|previous|earlier|old|rejected
    |first\\s(?:pass|impression|thought)|retracted|withdrawn|discarded|superseded|outdated|wrong|incorrect|hypothetical
    |dummy|unfinished|(?<!\\w\\s)(?:format|schema|syntax)|beispiel|entwurf|exemple|brouillon|ejemplo|borrador|exemplo|rascunho|esempio
    |bozza|пример|например|черновик|例|例えば|下書き|例如|示例|草稿|예|예시|초안|مثال|مسودة|उदाहरण|मसौदा
"""
_DENIES = re.compile(
    rf"""(?ix) (?<!\w) (?:
      (?:{_NAMES_NONE}) (?: \s+ (?:answer|choice|decision|format|judge?ment|output|reply|result|verdict) )?
      (?:\s is)? \s? \W* [:\uff1a] \W*
    | (?<! \bor\s ) not [^\w.;!?\n]*
    | (?: e\.g | such\sas | for\s(?:example|instance) | instead\sof | rather\sthan | unlike | (?:opposite|reverse)\sof )
      \W*
    | (?:assistant|judge|model|prompt|response|trace|user) (?: \s [ab12] )? \s
      (?:asks|claims|claimed|outputs?|says|said|states|tells|told|wants) [^.!?\n]*
    ) \Z"""
)
"""directly before a verdict: words that deny it, quote it, or say that it is only a draft"""


def require_meant(before: str) -> None:
    """Refuse a verdict that what stands before it denies, quotes, or calls a draft.

    Raises:
        UnparsedError: it does.
    """
    if _DENIES.search(before[-_LAST_CHARS:]):
        raise UnparsedError("the verdict is introduced as a draft, or denied")


def require_announced(before: str) -> None:
    """Refuse an object unless nothing, prose that has come to its end, or an announcement stands before it.

    Args:
        before: what the reply holds before the object, and before the fence or tag around it.

    Raises:
        UnparsedError: something else does.
    """
    said = _BEGINNING.sub("", before)
    if _TURN.search(said):
        raise UnparsedError("the JSON object follows a token of a template: it is of another turn, or a call of a tool")
    said = said[-_LAST_CHARS:]
    if _TAKES_BACK.search(said):
        raise UnparsedError("what stands before the JSON object takes it back")
    text = _RULE.sub("", said).rstrip()
    line = text[text.rfind("\n") + 1 :]
    phrase = _SENTENCE_END.split(line)[-1]
    if phrase.strip("*_ ") and not (_announces(phrase) or _is_prose(line, said[len(text) :])):
        raise UnparsedError(f"the JSON object is introduced as a draft, or by no words of a verdict: {phrase[-60:]!r}")


def _announces(phrase: str) -> bool:
    """Tell whether a phrase is made of words that announce a verdict."""
    bare = phrase.strip(_PUNCTUATION).lower()
    if (chinese := _CHINESE_JAPANESE.fullmatch(bare)) and chinese["announces"]:
        return True
    words = set(_WORD.findall(bare))
    return words <= _KNOWN and bool(words & _ANNOUNCING) and not _WORD.sub("", bare).strip(_PUNCTUATION)


def _is_prose(line: str, gap: str) -> bool:
    """Tell whether a line without a full stop, and what follows it, is prose that a blank line ends."""
    introduces = line.rstrip("*_ ").endswith((":", "\uff1a", ",", "...", "\u2026", "?"))
    least = _LEAST_IN_LIST if line.lstrip()[0] in "-*+|" else _LEAST_WORDS
    blank = gap.count("\n") > 1
    return blank and len(_WORD.findall(line)) >= least and not introduces and line.lstrip()[0] not in "#>"
