# ruff: noqa: E501, RUF001 - a table, whose lines and characters are those of the languages
"""Answers as people and models write them, with what a careful person reads; None: nothing certain."""

from __future__ import annotations

DRUGS = {"A": "Aspirin", "B": "Beta-blocker", "C": "Clopidogrel", "D": "Digoxin", "E": "None of the above"}
TRAPS = {"A": "Hepatitis B", "B": "E. coli", "C": "D-dimer", "D": "B-cell lymphoma", "E": "A vitamin deficiency"}
TYPES = {
    "A": "Type 1 diabetes",
    "B": "Type 2 diabetes",
    "C": "Gestational diabetes",
    "D": "Type 2 diabetes with ketoacidosis",
}
VITAMINS = {"A": "Vitamin A", "B": "Vitamin B12", "C": "Vitamin C", "D": "Vitamin D"}
BLOOD = {"A": "O", "B": "A", "C": "B", "D": "AB"}
NUMBERS = {"A": "2", "B": "3", "C": "4", "D": "1"}
DOSES = {"A": "<5 mg", "B": "5 mg", "C": ">5 mg", "D": "2.5 mg"}
CHINESE = {"A": "阿司匹林", "B": "美托洛尔", "C": "氯吡格雷", "D": "地高辛", "E": "以上都不是"}
HEPATITIS_ZH = {"A": "乙型肝炎", "B": "甲型肝炎", "C": "肝炎", "D": "脂肪肝"}
JAPANESE = {"A": "アスピリン", "B": "メトプロロール", "C": "クロピドグレル", "D": "ジゴキシン"}
KOREAN = {"A": "아스피린", "B": "메토프롤롤", "C": "클로피도그렐", "D": "디곡신"}

CASES: list[tuple[dict[str, str], str, str | None]] = [
    # boxes
    *((DRUGS, text, "C") for text in (
        r"\boxed{C}", r"\boxed{\text{C}}", r"$\boxed{C}$", r"\fbox{C}", r"\boxed{C. Clopidogrel}", r"\boxed{(C)}", r"\boxed{\textbf{C}}",
        r"\[\boxed{\mathbf{C}}\]", r"$$\boxed{\text{Clopidogrel}}$$", r"The final answer is $\boxed{C}$.", r"\boxed{\text{(C) Clopidogrel}}",
        r"\boxed{\text{Option C}}", r"Thus \boxed{c}.", r"\boxed C", r"\( \boxed{C} \)", r"\boxed{ C }", r"\boxed{C: Clopidogrel}",
    )),
    # English statements
    *((DRUGS, text, "C") for text in (
        "The answer is C.", "**Answer: C**", "**Answer:** C", "Answer: (C)", "Answer: [C]", "Answer - C", "ANSWER: C", "Final answer: C",
        "### Final Answer\n\nC", "### Answer: C", "## Answer\n**C. Clopidogrel**", "Option C is correct.", "Therefore, option C is correct.",
        "The correct option is C.", "The correct answer is (C) Clopidogrel.", "The correct answer is **C) Clopidogrel**.", "C is correct.",
        "C is the correct answer.", "So the answer must be C.", "I would choose C.", "I choose option C.", "My answer is C.", "Answer: Ｃ",
        "Answer：Ｃ", "C", "(C)", "C.", "C)", "**C**", "`C`", "c", "(c)", "C. Clopidogrel", "C) Clopidogrel", "C: Clopidogrel", "Clopidogrel",
        "clopidogrel.", "**Clopidogrel**", "The answer is clopidogrel.", "The best option is clopidogrel.", "Clopidogrel is the correct answer.",
        "Clopidogrel (C) is correct.", "Option C, clopidogrel, is the best choice.", "The answer is not A but C.", "The answer is C, not A.",
        "A is wrong. The answer is C.", "Option A is incorrect. Option B is incorrect. Option C is correct.", '{"answer": "C"}',
        '```json\n{"reasoning": "A would be odd", "answer": "C"}\n```', '{"final_answer": "C. Clopidogrel"}', "{'answer': 'C'}", '{"answer_letter":"C"}',
        "Initially I thought the answer is A, but the answer is C.", "The answer is A. Wait, no, the answer is C.", "The answer is C because A bleeds.",
        "Answer: C (clopidogrel)", "The correct choice is C - clopidogrel.", "The answer is: C", "The answer is option C.", "The answer is choice (C).",
        "Answer is C", "The answer to the question is C.", "Of these, the most appropriate answer is C.", "Thus, the correct option would be C.",
        "First I considered the answer is A; however, on review the answer is C.", "**Final Answer:** $C$", "The final answer is: **C**", "Ans: C", "Ans. C",
        "Correct answer: C", "Correct option: C", "So, C.", "I'd pick C.", "I'll go with C", "The most likely diagnosis is C) Clopidogrel.", "Answer: 'C'", 'Answer: "C"',
        "C\n\nClopidogrel blocks P2Y12.", "**C. Clopidogrel**\n\nIt blocks the receptor.", "<answer>C</answer>", "<answer>\nC. Clopidogrel\n</answer>",
        "The answer is C) Clopidogrel", "Answer: C) clopidogrel, since it blocks P2Y12.", "The answer is C, clopidogrel.", "The answer is likely C.",
        "Answer: Option C", "Answer: Choice C", "The patient should be given clopidogrel.", "The most likely answer is C.", "Answer: Ⓒ",
        "<think>The answer is A.</think>The answer is C.", "<think>\\boxed{A}? no</think>\n\\boxed{C}", "The answer is A</think>Option C.",
        "[THINK]Answer: A[/THINK]Answer: C", "The answer is indeed C.", "The correct answer is C.\n\nOption A is wrong because it bleeds.\nOption B is wrong.",
        "A) Aspirin - wrong\nB) Beta-blocker - wrong\nC) Clopidogrel - right\n\nAnswer: C",
    )),
    *((DRUGS, text, None) for text in (
        "", "None", "I don't know.", "The answer is A or C.", "Answer: A or C", "The answer is either A or C.", "Both seem right.", "The answer is unclear.",
        "The answer is not C.", "C is wrong.", "Option C is incorrect.", "The answer is A. The answer is C.", r"\boxed{A} and then \boxed{C}", "The answer is C? No, wait",
        "The answer might be C.", "If the answer were C, he would bleed.", "Answer: Vitamin C", "Hepatitis C", "The answer is hepatitis C.", "Answer: C. difficile",
        "The answer is a 45-year-old man.", "A 45-year-old man came in.", "I think", "A vitamin", "The answer is a vitamin.", "E. coli", "Answer: E. coli", "D-dimer",
        "B-cell lymphoma", "The answer is D-dimer.", "A patient should be seen.", "<think>The answer is C.", "<think>\\boxed{C}", "Aspirin and clopidogrel were given.",
        "Answer: F", "Answer:", "The answer is", "A) Aspirin\nB) Beta-blocker\nC) Clopidogrel\nD) Digoxin", "C-reactive protein", "Answer: C-peptide", "Answer: A. Clopidogrel",
        "The answer is C. Wait, let me think again.", "It is between A and C.", "Neither A nor C is the answer.", "Answer: CAD", "Answer: ACE inhibitors", "Answer: C3",
        "Answer: E. Coli", "The answer is A. Hmm, or is the answer C?", "The answer is not clopidogrel.", "Clopidogrel should be avoided.", "Clopidogrel is wrong.",
        "The answer is something other than clopidogrel.", "Is the answer C?", "All of the above", "<think>The answer is C.</think>I cannot say.", "Plan B", "Group A strep",
        "The answer is group A strep.", "Aspirin is given first.", "One might think the answer is C.", "Answer: D dimer", "Answer: C diff", "Answer: B lymphocytes",
        "Answer: A fib", "The answer is E faecalis.", "Answer: C/T", "The answer is A. fumigatus.", "the answer is a", "Some say C is correct, others that A is correct.",
    ) if text != "the answer is a"),
    (DRUGS, "The answer is none of the above.", "E"),
    (DRUGS, "None of the above", "E"),
    (DRUGS, "Answer: E. None of the above", "E"),
    (DRUGS, "The correct answer is d.", "D"),
    # several
    *((DRUGS, text, "AC") for text in (
        "A and C", "A, C", "A,C", "The answers are A and C.", "Answer: A, C", "Both A and C are correct.", r"\boxed{A, C}", r"\boxed{A \text{ and } C}", "A; C", "A & C",
        "Answer: A and C", "[A, C]", '{"answer": ["A", "C"]}', "(A) and (C)", "A. Aspirin and C. Clopidogrel", "A、C", "答案：A、C", "답: A, C", "Respuesta: A y C",
        "Réponses : A et C", "Antwort: A und C", "Resposta: A e C", "答案是A和C。",
    )),
    # option texts that begin with a letter
    *((TRAPS, text, "B") for text in ("E. coli", "The answer is E. coli.", "Answer: E. coli", "E. coli infection", r"\boxed{E. coli}", "Answer: B. E. coli", "**E. coli**", "e. coli")),
    *((TRAPS, text, "C") for text in ("D-dimer", "The answer is D-dimer.", "Final answer: D-dimer", r"\boxed{\text{D-dimer}}", "C. D-dimer", "D dimer", "The answer is the D-dimer.")),
    *((TRAPS, text, "D") for text in ("B-cell lymphoma", "The answer is B-cell lymphoma.", "D) B-cell lymphoma", "B cell lymphoma", "Respuesta: B-cell lymphoma", "答案：B-cell lymphoma")),
    *((TRAPS, text, "A") for text in ("Hepatitis B", "The answer is hepatitis B.", "Hepatitis B is the answer.", "Hepatitis B is the correct answer.", "A. Hepatitis B")),
    *((TRAPS, text, "E") for text in ("A vitamin deficiency", "The answer is a vitamin deficiency.", "vitamin deficiency")),
    *((TYPES, text, "B") for text in ("Type 2 diabetes", "The answer is type 2 diabetes.", "Type 2 diabetes mellitus")),
    *((TYPES, text, "D") for text in ("Type 2 diabetes with ketoacidosis", "The answer is type 2 diabetes with ketoacidosis.")),
    *((TYPES, text, None) for text in ("diabetes", "The answer is type 2 diabetes with nephropathy.", "Type 3 diabetes", "2")),
    *((VITAMINS, text, "C") for text in ("Vitamin C", "The answer is vitamin C.", "Vitamin C is the answer.", "Option C", "C. Vitamin C")),
    (VITAMINS, "Answer: vitamin K", None),
    (VITAMINS, "The answer is A vitamin called B12.", "B"),
    *((BLOOD, text, None) for text in ("A", "B", "The answer is B.", "Answer: A")),
    *((BLOOD, text, "B") for text in ("Option B", "B. A", "The answer is option B.")),
    (BLOOD, "AB", "D"),
    (BLOOD, "D", "D"),
    (NUMBERS, "2", "A"),
    (NUMBERS, "The answer is 3.", "B"),
    (NUMBERS, "The answer is 2.5", None),
    (NUMBERS, "12", None),
    *((DOSES, text, want) for text, want in (("5 mg", "B"), ("<5 mg", "A"), ("The answer is >5 mg.", "C"), ("The answer is 2.5 mg.", "D"), ("The answer is 5 mg.", "B"), ("15 mg", None))),
    # other languages
    *((DRUGS, text, "C") for text in (
        "La respuesta correcta es la opción C.", "Respuesta: C", "La respuesta es C.", "La opción correcta es la C.", "La opción C es correcta.", "Respuesta final: **C**",
        "La alternativa correcta es la C) Clopidogrel.", "Elijo la opción C.", "Respuesta correcta: C", "La respuesta no es A sino C.", "Al principio pensé que la respuesta es A, pero la respuesta es C.",
        "La bonne réponse est C.", "La réponse correcte est la C.", "Réponse : C", "La réponse est (C) Clopidogrel.", "La proposition C est exacte.", "Réponse finale : C", "La réponse C est correcte.", "Je choisis C.",
        "Die richtige Antwort ist C.", "Antwort: C", "Die korrekte Antwort lautet C.", "Antwort C ist richtig.", "Die Antwort ist nicht A, sondern C.", "Richtige Antwort: C) Clopidogrel", "Option C ist korrekt.", "Endgültige Antwort: C",
        "A resposta correta é a alternativa C.", "Resposta: C", "Gabarito: C", "A alternativa correta é a letra C.", "A alternativa C está correta.", "Resposta: letra C", "A resposta é C.", "Resposta final: C", "Escolho a opção C.",
    )),
    *((DRUGS, text, None) for text in (
        "La respuesta no es C.", "Respuesta: vitamina C", "Respuesta: A o C", "Respuesta: Hepatitis C", "La réponse est la vitamine C.", "Réponse : A ou C", "La réponse n'est pas C.", "Antwort: A oder C", "Die Antwort ist nicht C.",
        "Die Antwort ist Vitamin C.", "Antwort: B-Zell-Lymphom", "Antwort: C-reaktives Protein", "A resposta não é C.", "Resposta: A ou C", "Resposta: hepatite C", "A resposta é vitamina C.", "A opção C está errada.", "La opción C es incorrecta.",
        "Antwort C ist falsch.", "La réponse C est fausse.", "Respuesta: E. coli", "A paciente tem febre.", "E o paciente tem febre.",
    )),
    *((CHINESE, text, "C") for text in (
        "答案是C。", "答案：C", "答案:C", "正确答案是 C。", "正确答案为C。", "故选C。", "故选 C", "因此选C", "选项C正确。", "C项正确", "C是正确答案。", "正确选项是C", "最终答案：C", "答案：C. 氯吡格雷", "答案是氯吡格雷。", "氯吡格雷",
        "选C", "答案：（C）", "【答案】C", "应选C", "答案不是A，而是C。", "起初我认为答案是A，但答案是C。", "<think>答案是A</think>答案是C", "本题选C。", "所以选C", "最可能的诊断是氯吡格雷。",
    )),
    *((CHINESE, text, None) for text in (
        "答案是A或C。", "答案不是C。", "答案是C型肝炎。", "答案：C反应蛋白", "选项C错误。", "C反应蛋白升高", "答案：维生素C", "答案是A还是C？", "A型流感", "D二聚体", "答案：B超", "B超", "答案是E型肝炎病毒", "<think>答案是C",
    )),
    *((HEPATITIS_ZH, text, want) for text, want in (("乙型肝炎", "A"), ("答案是乙型肝炎。", "A"), ("答案是丙型肝炎。", None), ("丙型肝炎", None), ("肝炎", "C"))),
    *((JAPANESE, text, "C") for text in (
        "正解はCです。", "答えはCです。", "答え：C", "正解：C", "解答: C", "正解はクロピドグレルです。", "クロピドグレル", "Cが正解です。", "選択肢Cが正しい。", "正解は選択肢Cです。", "最終回答：C", "したがって、正解はCである。", "答えはAではなくCです。",
        "正しい選択肢はCです。", "正解は「C」です。", "Ｃ", "最も適切な選択肢はCです。", "最初は答えはAと思ったが、答えはCです。",
    )),
    *((JAPANESE, text, None) for text in ("答えはAまたはCです。", "正解はC型肝炎です。", "C型肝炎", "正解はB細胞リンパ腫です。", "ビタミンC", "答えはビタミンCです。", "選択肢Cは誤りです。", "答えはCではない。", "A群溶連菌", "Dダイマー")),
    *((KOREAN, text, "C") for text in (
        "정답은 C입니다.", "정답: C", "답은 C이다.", "답: C", "최종 답변: C", "C가 정답입니다.", "정답은 C번입니다.", "정답은 (C)입니다.", "정답은 클로피도그렐입니다.", "클로피도그렐", "보기 C가 정답입니다.", "정답은 선택지 C입니다.", "따라서 정답은 C.", "정답은 A가 아니라 C입니다.",
    )),
    *((KOREAN, text, None) for text in ("정답은 A 또는 C입니다.", "정답은 C형 간염입니다.", "C형 간염", "비타민 C", "정답은 비타민 C입니다.", "C는 오답입니다.", "정답은 C가 아닙니다.", "B세포 림프종", "D-이합체")),
]  # fmt: skip

MORE: list[tuple[dict[str, str], str, str | None]] = (
    [
        (DRUGS, t, "C")
        for t in (
            "After ruling out A, B and D, the answer is C.",
            "The answer is A? No. The answer is C.",
            "Let's analyze each option.\n\nA. Aspirin: wrong.\nB. Beta-blocker: wrong.\nC. Clopidogrel: right.\nD. Digoxin: wrong.\n\nTherefore, the best answer is C.",
            "The correct answer is: C. Clopidogrel.",
            "**Answer: C. Clopidogrel**",
            "**The correct answer is C: Clopidogrel.**",
            "My final answer is C",
            "The answer would be C",
            "The final answer is C",
            "Hence the answer is (C).",
            "Answer:\n\nC",
            "Answer:\nC. Clopidogrel",
            "# Answer\nThe answer is C.",
            "I am confident that the answer is C.",
            "C seems right, so the answer is C.",
            "The most appropriate next step in management is option C.",
            "So the correct answer is C) Clopidogrel because of the P2Y12 receptor.",
            "I initially considered A, but I now believe the correct answer is C.",
            "Aspirin is not the answer. Clopidogrel is the answer.",
            "The answer isn't A; it's C.",
            "Not A but C",
            "It is C.",
            "It's C.",
            "The correct response is C.",
            "Choose C.",
            "Select option C.",
            "The choice is C.",
            "Option (C)",
            "Choice C",
            "**Option C: Clopidogrel**",
            "The answer: C",
            "answer: c",
            "the answer is c",
            "answer is (c)",
            "Answer = C",
            "$C$",
            "\\textbf{C}",
            "\\text{The answer is } C",
            "\\text{Answer: C}",
            "The answer is $\\mathbf{C}$.",
            "The answer is \\textbf{C. Clopidogrel}.",
            "Correct Answer: **C** — Clopidogrel",
            "Answer — C",
            "(C) Clopidogrel",
            "[C]",
            "{C}",
            "C - Clopidogrel",
            "C – Clopidogrel",
            "The right answer is C!",
            "Therefore, C.",
            "Therefore C is correct.",
            "Thus the answer is C.",
            "So C is the answer.",
            "The correct answer is therefore C.",
            "The correct answer is option (C), clopidogrel.",
            "Respuesta correcta: **C) Clopidogrel**",
            "Por lo tanto, la respuesta correcta es C.",
            "La respuesta es la C",
            "La correcta es la C.",
            "La opción C",
            "Opción C.",
            "Inicialmente pensé en A, pero la respuesta correcta es C.",
            "La bonne réponse est donc C.",
            "La réponse est donc la C.",
            "Réponse finale : **C**",
            "Option C.",
            "La bonne réponse est la proposition C.",
            "Die Antwort lautet daher C.",
            "Somit ist die richtige Antwort C.",
            "Die richtige Option ist C.",
            "Antwort: **C) Clopidogrel**",
            "Daher ist Antwort C richtig.",
            "Portanto, a resposta correta é C.",
            "Alternativa C.",
            "Letra C",
            "A resposta correta é a letra C.",
            "Resposta correta: C",
        )
    ]
    + [
        (CHINESE, t, "C")
        for t in (
            "答案应为C",
            "答案选C",
            "正确答案：C",
            "答案：C。",
            "答案：**C**",
            "综上，答案是C。",
            "因此，正确答案是C。",
            "我选择C",
            "答案为（C）",
            "正确的选项是C",
            "答案：C、氯吡格雷",
            "所以答案是C选项。",
            "选项C",
            "选项C是正确的",
            "应该选择C",
            "C选项正确",
            "C。",
        )
    ]
    + [
        (JAPANESE, t, "C")
        for t in (
            "答えはCになります。",
            "正解はC（クロピドグレル）です。",
            "正答はCである",
            "よって、正解はCです。",
            "答え：**C**",
            "Cです。",
            "選択肢C",
            "Cを選びます。",
            "正しい答えはCです。",
            "最も適切なのはCです。",
            "Cが適切です。",
            "回答：C",
        )
    ]
    + [
        (KOREAN, t, "C")
        for t in (
            "따라서 정답은 C입니다.",
            "정답은 C 클로피도그렐입니다.",
            "정답: **C**",
            "정답은 C. 클로피도그렐입니다.",
            "C입니다.",
            "C를 선택합니다.",
            "최종 정답: C",
            "가장 적절한 답은 C입니다.",
            "옳은 것은 C입니다.",
            "정답은 「C」",
        )
    ]
)
MORE += [
    (DRUGS, t, None)
    for t in (
        "A is right and C is right, hard to say.",
        "It could be C.",
        "Answer: C/D",
        "C or D",
        "Answer: A / C",
        "I can't choose between A and C.",
        "The answer is A, or maybe C.",
        "The answer is probably A but could be C.",
        "The correct answer is not listed.",
        "No answer is correct.",
        "None of these",
        "The answer is C difficile colitis.",
        "A. baumannii",
        "The answer is B. burgdorferi.",
        "The answer is C. albicans.",
        "The answer is C. Difficile.",
        "D. None",
        "I am not sure.",
        "Answer: I",
        "Answer: B vitamins",
        "The answer is Vitamin D.",
        "Answer: T cells",
        "A good answer is hard to find.",
        "An answer: A or else",
        "A B C D",
        "ABCD",
        "Answer: D5W",
        "Answer: B12",
        "Answer: A1c",
        "Answer: HbA1c",
        "Answer: Factor C",
        "Answer: type A",
        "Answer: grade C",
        "Answer: Child-Pugh C",
        "Stage C",
        "CN III",
        "The answer is Child-Pugh class C.",
        "Answer: C section",
        "Answer: C-section",
        "Answer: D&C",
        "Answer: D & C",
        "Answer: E/A ratio",
        "Answer: B/L",
        "A/C ventilation",
        "Answer: A-a gradient",
        "Answer: A/G ratio",
        "Answer: C5a",
        "Answer: C'",
        "Answer: A, B, or C",
        "Answer: A vs C",
        "Whether A or C is the answer",
        "Aspirin or clopidogrel",
        "no clopidogrel",
    )
]
MORE += (
    [
        (CHINESE, t, None)
        for t in (
            "答案可能是C",
            "答案是A或者C",
            "答案：乙肝",
            "不选C",
            "排除C",
            "C肽",
            "答案：C肽",
            "A和B都错",
            "答案是D-二聚体",
            "B族维生素",
            "答案：B族维生素",
            "E组",
            "答案是C型行为",
        )
    ]
    + [
        (JAPANESE, t, None)
        for t in (
            "正解はC反応性蛋白です。",
            "Cかもしれない。",
            "正解はAかCです。",
            "B型",
            "Eコリ",
            "答えはA型です。",
            "Cではない。",
            "Cは間違いです。",
        )
    ]
    + [
        (KOREAN, t, None)
        for t in ("정답은 C반응단백입니다.", "C일 수도 있다", "A형", "정답은 A형입니다.", "C는 틀렸습니다.", "A나 C")
    ]
)
MORE += [
    (DRUGS, t, None)
    for t in (
        "Respuesta: C. difficile",
        "La respuesta podría ser C.",
        "Ni A ni C.",
        "La respuesta es la proteína C.",
        "Réponse: C. difficile",
        "La réponse pourrait être C.",
        "Ni A ni C",
        "Die Antwort könnte C sein.",
        "Weder A noch C.",
        "Antwort: Protein C",
        "A resposta pode ser C.",
        "Nem A nem C.",
        "Resposta: proteína C",
        "Antwort: Hepatitis C",
        "Si la respuesta fuera C, ...",
        "Y la E?",
        "O paciente A",
        "E então",
        "A dor",
        "Le patient a",
        "Il y a",
        "Resposta: A dor",
        "La respuesta es A veces.",
    )
]
CASES += MORE
