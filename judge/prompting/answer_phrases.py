# ruff: noqa: E501, RUF001 - a table, whose lines and characters are those of the languages
"""How answers are stated in eight languages: a table of phrases, by what they do."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

_LATIN = r"0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f_"
_EDGE = rf"(?<![{_LATIN}])", rf"(?![{_LATIN}])"

PHRASES: dict[str, dict[str, str]] = {
    # an answer by its noun alone: "answer: C", "the answer is C"
    "answer": {
        "en": "answers?|ans|solution|prediction|selection|(?:selected|chosen|predicted) (?:answer|option|choice|letter|label)|(?:correct|final|best) response",
        "es": "respuestas?|rpta|soluci[oó]n",
        "fr": "réponses?",
        "de": "antwort(?:en)?|lösung",
        "pt": "respostas?|gabarito",
        "zh": "答案|答",
        "ja": "正解|答え|解答|回答|正答|(?:最も)?適切なの|正しいの",
        "ko": "정답|답변|답안|답|(?:옳은|맞는|적절한) 것",
    },
    # an answer only where it is called right: "the best option is C"
    "option": {
        "en": "options?|choices?|letter|answer choice",
        "es": "opci[oó]n|opciones|alternativas?|inciso|letra",
        "fr": "options?|propositions?|choix|lettre|réponses?",
        "de": "option(?:en)?|antwortmöglichkeit(?:en)?|antwortoption|auswahl|buchstabe|antwort(?:en)?",
        "pt": "op[cç][aã]o|op[cç][oõ]es|alternativas?|assertiva|letra|item",
        "zh": "选项|選項|选择|项",
        "ja": "選択肢",
        "ko": "선택지|보기|옵션|선지",
    },
    "right": {
        "en": "(?:single )?(?:correct|right|best|final|closest|ultimate|most (?:likely|appropriate|accurate|suitable|probable"
        "|fitting|plausible|reasonable|consistent|logical))",
        "es": "correctas?|correctos?|finale?s?|mejor|adecuada|más (?:probable|adecuada)",
        "fr": "correcte?s?|bonnes?|bon|finale?|exacte?s?|juste|meilleure?|la plus probable",
        "de": "richtige?[nrs]?|korrekte?[nrs]?|endgültige|finale|beste|passende|zutreffend",
        "pt": "corret[ao]s?|cert[ao]|final|melhor|mais (?:provável|adequada)",
        "zh": "正确|正確|最终|最終|最佳|最合适|对的",
        "ja": "正しい|正解|最終|適切|最も適切な?|正答",
        "ko": "최종|올바른|정확한|가장 적절한|정답|맞습니다|맞다|옳습니다|옳다|적절합니다",
    },
    "wrong": {
        "en": "incorrect|wrong|false|not (?:the )?(?:correct|right|best)|not the (?:final )?answer|ruled out|excluded|unlikely"
        "|contraindicated|inappropriate",
        "es": "incorrect[ao]|fals[ao]|errónea|no (?:es )?(?:la )?correcta",
        "fr": "incorrecte?|fausse|faux|erronée",
        "de": "falsch|inkorrekt|unzutreffend|nicht (?:richtig|korrekt)",
        "pt": "incorret[ao]|errad[ao]|fals[ao]",
        "zh": "错误|錯誤|不正确|不对|错",
        "ja": "誤り|不正解|間違い|誤っている",
        "ko": "오답|틀렸|틀립니다|틀린",
    },
    "is": {
        "en": r"(?:is|are|(?:would|should|must|will)(?: \w+)? be)(?: (?:thus|therefore|clearly|likely|then|hence|most likely))*",
        "es": "es|son|sería|será|debe ser|está|están",
        "fr": "est|sont|serait|sera|doit être",
        "de": "ist|sind|lautet|lauten|wäre",
        "pt": "é|são|seria|será|deve ser|está|estão",
        "zh": "应该是|应为|应是|就是|是|为|為|選|选",
        "ja": "は|が",
        "ko": "은|는|이|가",
    },
    "pick": {
        "en": r"(?:i|we)(?:'d| would| will|'ll)?(?: (?!not|never|n't)\w+)? (?:choose|pick|select|answer|go with|opt for)|(?:my|our) (?:choice|pick|guess) is|(?:that|this|which) leaves(?: us with)?(?: only)?|by (?:elimination|exclusion),?"
        "|(?:i am|i'm) going with|^(?:choose|select|pick)",
        "es": "(?:yo )?(?:elijo|escojo|selecciono|elegiría)|me (?:quedo con|inclino por)|marcar[ií]a|opto por",
        "fr": "je (?:choisis|sélectionne|choisirais|retiens)|j'opte pour|je dirais",
        "de": "ich (?:wähle|würde|nehme)|ich entscheide mich für",
        "pt": "(?:eu )?(?:escolho|escolheria|seleciono|marco|opto por)|fico com",
        "zh": "(?:故|应|所以|因此|本题|我|則|则|應|综上(?:所述)?[，,]?|綜上(?:所述)?[，,]?)(?:应|應)?该?(?:选择|選擇|选|選)|^选(?:择|(?!项))|^選(?:擇|(?!項))",
    },
    "det": {
        "en": "the|my|our|an?|this",
        "es": "el|la|los|las|una?|mi",
        "fr": "le|la|les|une?|ma|l'",
        "de": "der|die|das|den|eine?|meine",
        "pt": "os?|as?|uma?|minha",
    },
    "adverb": {
        "en": "thus|therefore|clearly|likely|probably|definitely|most likely|simply|indeed|obviously|certainly|so|hence|yes"
        "|i (?:think|believe)(?: that)?(?: it is)?|to be|actually|both",
        "es": "por lo tanto|probablemente|claramente|por tanto|sin duda",
        "fr": "donc|probablement|clairement|certainement|ainsi",
        "de": "daher|also|wahrscheinlich|somit|folglich|eindeutig",
        "pt": "portanto|provavelmente|claramente|certamente|assim",
        "zh": "因此|所以|故|综上",
        "ja": "したがって|よって|おそらく",
        "ko": "따라서|그러므로",
    },
    "and": {"en": "and|plus", "es": "y|e", "fr": "et", "de": "und", "pt": "e", "zh": "和|与|及|跟", "ja": "と|及び", "ko": "와|과|및"},
    "or": {"en": "or", "es": "o|u", "fr": "ou", "de": "oder", "pt": "ou", "zh": "或者|或|还是", "ja": "または|もしくは|か", "ko": "또는|혹은|이나|나"},
    "not": {
        "en": "not|never|isn't|neither|none but",
        "es": "no|ni",
        "fr": "ne|n'est|pas|ni",
        "de": "nicht|kein[en]?|weder",
        "pt": "não|nem",
        "zh": "不是|并非|不选|不|非",
        "ja": "ではな(?:く|い)|じゃない",
        "ko": "아니(?:라|고|다)?|아닙니다",
    },
    # behind a claim these take it back
    "denied": {
        "zh": "的?吗|的?嗎",
        "ja": "(?:とは|では|じゃ)(?!なく)|のはずが|か(?:どうか|は|もしれ)",
        "ko": "[이가]?\\s*아[니닙닌]|일\\s*(?:리|수|까)",
    },
    "undecided": {
        "en": "either|between|one of|among|unclear|unknown|uncertain",
        "es": "entre|bien",
        "fr": "soit|entre",
        "de": "entweder|zwischen",
        "pt": "entre",
    },
    "but": {
        "en": r"but(?: rather)?|rather|instead|it(?:'s| is)",
        "es": "sino|pero",
        "fr": "mais",
        "de": "sondern|aber",
        "pt": "mas(?: sim)?|e sim",
        "zh": "而是|但",
        "ja": "ではなく|しかし",
        "ko": "하지만|지만",
    },
    # what turns an earlier statement into a rejected one
    "correction": {
        "en": "but|however|wait|no|actually|on (?:review|reflection|second thoughts?|closer \\w+)|instead|rather|correction"
        "|reconsider(?:ing)?|i was wrong|revis(?:e|ed|ing)|changed? my",
        "es": "pero|sin embargo|mejor dicho|no|en realidad|corrijo|rectifico|tras revisar(?:lo)?",
        "fr": "mais|cependant|en fait|finalement|non|toutefois|après réflexion|je corrige",
        "de": "aber|jedoch|doch|nein|eigentlich|tatsächlich|korrektur|nach (?:erneuter|genauer) \\w+",
        "pt": "mas|porém|na verdade|não|contudo|entretanto|corrigindo|pensando melhor",
        "zh": "但是?|不过|不過|然而|等等|不对|更正|其实|重新|仔细",
        "ja": "しかし|いや|やはり|訂正|でも|待って|改めて|だが|が、",
        "ko": "하지만|그러나|아니|다시|정정|그런데|지만",
    },
    # a statement behind these is a thought on the way
    "tentative": {
        "en": "thought|initially|first|if|might|could|may|perhaps|maybe|possibly|seems?|seemed|tempt(?:ed|ing)|assum(?:e|ed|ing)"
        "|whether|suppose|guess(?:ed)?|wrongly|mistakenly|would have|some (?:say|think|would|might)|others|someone|another|alternative|second|next|possible|said|says|asks?|asked|wrong|incorrect|least|worst|false|all but|except|not|never|can't|cannot|isn't|don't|doubt|unless",
        "es": "pensé|creí|inicialmente|al principio|si|quizás?|tal vez|podría|parecía|no|primero|incorrecta|dijo|menos|excepto",
        "fr": "pensais|pensé|croyais|initialement|d'abord|au début|si|peut-être|pourrait|semblait|pas|fausse|dit|sauf",
        "de": "dachte|zunächst|zuerst|anfangs|wenn|falls|ob|vielleicht|könnte|schien|glaubte|nicht|falsche|sagte|außer",
        "pt": "pensei|achei|inicialmente|no início|se|talvez|poderia|parecia|não|primeiro|errada|incorreta|disse|exceto",
        "zh": "起初|最初|一开始|原以为|以为|本来|如果|也许|可能|假如|若|先是|认为可能|不是|错误的|除了",
        "ja": "最初|はじめ|当初|思った|もし|かもしれ|たぶん|誤った|間違った",
        "ko": "처음|생각했|만약|아마|혹시|틀린|잘못된",
    },
    # words after a statement that take it back
    "doubt": {
        "en": r"wait|hmm+|let me (?:re-?)?(?:think|check|consider|verify)|not (?:so )?sure|can(?:no|')t decide|unsure|i was wrong|were it not|if not for"
        "|no, (?:that|this)|on second thoughts?|reconsider",
        "es": "espera|no estoy segur[ao]|no puedo decidir|un momento",
        "fr": "attendez|attends|pas sûre?|je ne sais pas",
        "de": "moment|warte|nicht sicher|ich weiß nicht",
        "pt": "espere?|espera|não tenho certeza|não sei",
        "zh": "等等|不确定|无法确定|不对|等一下",
        "ja": "待って|わからない|いや、",
        "ko": "잠깐|잠시만|모르겠|확실하지",
    },
    # a reason or a clause may follow a letter without a point between
    "reason": {
        "en": "because|since|as|for|is|are|was|due|based|given|from|by|which|that|not|rather|instead|therefore|here|correct|"
        "with|and|in|on",
        "es": "porque|ya que|pues|por|es|debido|dado|según|no|que|está",
        "fr": "car|parce que|puisque|est|en raison|selon|et non|pas|qui",
        "de": "weil|da|denn|ist|aufgrund|nicht|wegen|und nicht|richtig|wählen|nehmen|ankreuzen",
        "pt": "porque|pois|já que|é|devido|dado|não|que|está",
        "zh": "因为|因為|是|为|，|项|選項|选项|正确|，|。|、|,|不是",
        "ja": "です|だ|である|でした|が|は|を|と|。|、|となる|になります|なので|」|』",
        "ko": "입니다|이다|번|가|이|를|을|은|는|와|과|예요|이에요|라고|,|로|」",
    },
    # a last sentence that concludes in free words
    "concludes": {
        "en": r"(?:should|must) (?:be (?:given|treated with|started on|managed with)|receive|undergo|start|get|take)"
        "|(?:most likely|best|correct|most appropriate|most probable|likeliest)[^.;]{0,80}? (?:is|would be|are)"
        "|(?:consistent with|diagnosis is|diagnosis of|treatment of choice is|recommend|points? to|suffers from)",
        "es": r"debe (?:recibir|administrarse|tomar)|se (?:debe administrar|recomienda)|(?:más probable|mejor|elección) es|el diagnóstico es",
        "fr": r"doit (?:recevoir|prendre)|il faut (?:donner|administrer)|(?:plus probable|meilleur|choix) est|le diagnostic est",
        "de": r"sollte|(?:wahrscheinlichste \w+|beste \w+|diagnose|mittel der wahl) (?:ist|lautet)",
        "pt": r"deve (?:receber|tomar|usar)|recomenda-se|(?:mais provável|melhor|escolha|diagnóstico) é",
        "zh": "应(?:该)?(?:给予|使用|选用|首选)|最可能(?:的诊断)?(?:是|为)|诊断(?:是|为)|首选",
        "ja": "最も(?:考えられる|可能性が高い|適切な)[^。]{0,20}?は|診断は|第一選択(?:薬)?は",
        "ko": "가장 (?:가능성이 높은|적절한)[^.]{0,20}?[은는]|진단은",
    },
    # behind these an option is no answer
    "against": {
        "en": "not|no|never|without|avoid\\w*|stop\\w*|discontinu\\w*|withh?(?:o|e)ld\\w*|exclud\\w*|except|rule[sd]? out|unlike|"
        "rather than|instead of|other than|against|contraindicat\\w*|unlikely|less|wrong|incorrect|neither|nor|like|similar to"
        "|\\w+n't|cannot|before|after|until|than|if|unless|could|may|might|versus|vs|half|partly|fail\\w*|former|history",
        "es": "no|sin|evitar|excepto|en vez de|en lugar de|descarta\\w*|ni|salvo|contraindicad[ao]|suspender|si",
        "fr": "pas|sans|éviter|sauf|au lieu de|plutôt que|ni|exclu\\w*|arrêter|contre-indiqué\\w*|si|ne",
        "de": "nicht|kein\\w*|ohne|vermeiden|außer|statt|anstatt|weder|ausgeschlossen|absetzen|kontraindiziert|wenn",
        "pt": "não|sem|evitar|exceto|em vez de|nem|descarta\\w*|suspender|contraindicad[ao]|se",
        "zh": "不|非|无|避免|除外|排除|停用|禁|而不|没有|错",
        "ja": "ない|なく|避け|除外|中止|禁忌|ません|以外",
        "ko": "아니|않|없|제외|피해|중단|금기|말고|아닌|아닙",
    },
}  # fmt: skip


@cache
def any_of(*roles: str) -> str:
    """Return the pattern of the phrases of these roles in every language; Latin ones are whole words."""
    latin, others = _phrases(*roles)
    return f"(?:{'|'.join([f'{_EDGE[0]}(?:{_by_first(latin)}){_EDGE[1]}', *others])})"


def places(small: str, *roles: str) -> list[int]:
    """Return where phrases of these roles begin in a text of small letters, within longer ones too."""
    latin, others = _openings(*roles)
    found = [opening.start() for opening in latin.finditer("\n" + small)]
    return found if small.isascii() else sorted({*found, *(opening.start() for opening in others.finditer(small))})


@cache
def _openings(*roles: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds the character before a Latin phrase, which is quick, and where any other begins."""
    latin, others = _phrases(*roles)
    return (
        re.compile(rf"[^{_LATIN}](?=(?:{_by_first(latin)}){_EDGE[1]})", re.MULTILINE),
        re.compile(rf"(?={'|'.join(others) or '(?!)'})", re.MULTILINE),
    )


def _phrases(*roles: str) -> tuple[list[str], list[str]]:
    """Return the Latin phrases of these roles, and those of other scripts."""
    phrases = [part for role in roles for text in PHRASES[role].values() for part in _parts(text)]
    latin = [part for part in phrases if not re.search(r"[\u3000-\ud7a3]", part)]
    return _longest_first(latin), _longest_first([part for part in phrases if part not in latin])


def _by_first(parts: list[str]) -> str:
    """Join alternatives, those of a first letter in one group: most places in a text are left at its first letter."""
    groups: dict[str, list[str]] = {} if parts else {"": ["(?!)"]}
    for part in chain.from_iterable(map(_spread, parts)):
        is_letter = part[0].isalpha() and part[1:2] not in ("?", "*")
        groups.setdefault(part[0] if is_letter else "", []).append(part[is_letter:])
    others = groups.pop("", [])
    return "|".join([*(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items()), *others])


def _spread(part: str) -> list[str]:
    """Return the alternatives of a group with which a phrase begins: "(?:my|our) choice" as two."""
    begins = re.fullmatch(r"\(\?:([^()]*)\)(\??)(.*)", part)
    if begins is None:
        return [part]
    return [
        spread
        for first in [*begins[1].split("|"), *([""] if begins[2] else [])]
        for spread in _spread(first + begins[3])
    ]


def _longest_first(parts: list[str]) -> list[str]:
    return sorted(dict.fromkeys(parts), key=len, reverse=True)


def _parts(text: str) -> list[str]:
    """Split alternatives at the outermost bars, with a space for any."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "|" and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [part.replace(" ", r"\s+") for part in [*parts, text[start:]] if part]
