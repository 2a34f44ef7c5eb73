"""Verdicts as other programs write them: arena-hard, MT-bench, EvalScope's arena, and votes of Chatbot Arena.

Read are `model_judgment/<judge>/<model>.jsonl` of arena-hard (0.1 and 2.0), `<judge>_pair.jsonl` of FastChat's
MT-bench, the battles of EvalScope, and the votes that LMSYS published (`model_a`, `model_b`, and `winner` or
`winner_model_a`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from judge.convert.values import object_at, objects_at, text_at
from judge.files.fields import RecordProblem, as_id, show

GRADES = {
    **dict.fromkeys(("A>>B", "A>B", "B<A", "B<<A"), "first"),
    **dict.fromkeys(("B>>A", "B>A", "A<B", "A<<B"), "second"),
    **dict.fromkeys(("A=B", "B=A"), "tie"),
}
"""graded preferences, A being the trace that was shown first: how strong one is does not count"""
_TIES = ("tie", "tie (bothbad)", "both_bad", "bothbad")
_A_VOTE = ("model_a", "model_b")

Record = Mapping[str, Any]


class Game(NamedTuple):
    """One verdict on two models' traces."""

    item: str
    shown: tuple[str, str]
    """the models, that whose trace was shown first before the other"""
    verdict: str | None
    """None: there is none"""
    a: str
    """the model that is asked about"""
    judge: str
    said: str = ""
    """the verdict in the program's own words"""
    reply: str | None = None
    is_vote: bool = False
    """a person's, of which nobody says in what order the traces stood"""


class ForeignVerdicts:
    """Take the records of one file, and count what is said of them.

    Args:
        models: model a and model b, where the file tells of more; None: the first two that it tells of.
    """

    def __init__(self, models: tuple[str, str] | None) -> None:
        self._chosen, self._models = models is not None, models
        self._votes: Counter[str] = Counter()
        self._n: Counter[str] = Counter()

    def lines(self, record: Record) -> Iterator[dict[str, Any]]:
        """Yield the verdicts of a record as lines of our own (see docs/input.md); RecordProblem where it has none."""
        if (grade := GRADES.get(str(record.get("verdict")))) is not None:
            self._n["strong"] += _is_strong(record["verdict"])
            yield {**record, "verdict": grade}
            return
        games = games_of(record)
        if games is None:
            yield dict(record)
            return
        for game in games:
            self._models = self._models or (game.a, next(one for one in game.shown if one != game.a))
            if {*game.shown} == {*self._models}:
                yield self._line(game, self._models)
            elif self._chosen:
                self._n["others"] += 1
            else:
                other = " and ".join(map(show, game.shown))
                known = " and ".join(map(show, self._models))
                raise RecordProblem(f"a verdict on {other} beside {known}", "choose two models with --models A B")

    def notes(self) -> Iterator[str]:
        """Say what a person should know of how verdicts were taken."""
        if self._n["strong"]:
            yield f"{self._n['strong']} graded verdicts such as A>>B count as A>B: how strong they are does not count"
        if self._n["votes"]:
            yield f"the order of the traces of {self._n['votes']} votes is unknown: there are no position figures"
        if self._n["others"]:
            yield f"{self._n['others']} verdicts on other models are left out"

    def _line(self, game: Game, models: tuple[str, str]) -> dict[str, Any]:
        self._n["strong"] += _is_strong(game.said)
        self._n["votes"] += game.is_vote
        is_forward = game.is_vote or game.shown[0] == models[0]
        verdict, item = game.verdict, game.item
        if game.is_vote:
            self._votes[item] += 1
            if game.shown[0] != models[0]:
                verdict = {"first": "second", "second": "first"}.get(str(verdict), verdict)
            if self._votes[item] > 1:
                item = f"{item}#{self._votes[item]}"
        return {
            "item": item,
            "order": "forward" if is_forward else "swapped",
            "judge": game.judge,
            "verdict": verdict,
            **({} if verdict else {"failure": "no verdict"}),
            **({} if game.reply is None else {"reply": game.reply}),
            **({"cluster": game.item} if game.is_vote else {}),
            "model_a": models[0],
            "model_b": models[1],
            "meta": {"said": game.said},
        }


def games_of(record: Record) -> list[Game] | None:
    """Return the verdicts of another program's record; None where it is of none of them."""
    names = record.keys()
    if "games" in names and {"question_id", "uid"} & names:
        return list(_arena_hard(record))
    if {"model_1", "model_2", "g1_winner", "g2_winner"} <= names:
        return list(_mt_bench(record))
    if {"model_a", "model_b", "win_1", "win_2"} <= names:
        models = _two(record, *_A_VOTE)
        return [_battle(record, models, at) for at in (0, 1)]
    if {*_A_VOTE} <= names and ({"winner", "winner_model_a"} & names):
        return [_vote(record)]
    return None


def _arena_hard(record: Record) -> Iterator[Game]:
    """Yield two games: the baseline's answer is A in the first, and the model's in the second."""
    model, baseline = text_at(record, "model"), text_at(record, "baseline") or "baseline"
    games = objects_at(record, "games")
    if len(games) > 2:  # noqa: PLR2004 - one for each order
        raise RecordProblem(
            f"{len(games)} games on one question", "give two: nothing tells in which order others were shown"
        )
    for at, game in enumerate(games):
        said = str(game.get("score") or "").strip("[]")
        judgment = game.get("judgment")
        reply = text_at(object_at(game, "judgment"), "answer") if isinstance(judgment, Mapping) else judgment
        shown = (baseline, model) if at == 0 else (model, baseline)
        reply = reply if isinstance(reply, str) else None
        yield Game(_item(record), shown, GRADES.get(said), model, text_at(record, "judge") or "imported", said, reply)


def _mt_bench(record: Record) -> Iterator[Game]:
    """Yield two games: `model_1` is A in the first, and B in the second; winners are named as models."""
    models = _two(record, "model_1", "model_2")
    judge = record.get("judge")
    name = str(judge[0] if isinstance(judge, list) and judge else judge or "imported")
    for at, shown in enumerate((models, models[::-1]), 1):
        said = str(record[f"g{at}_winner"])
        winner = {"model_1": models[0], "model_2": models[1]}.get(said)
        reply = record.get(f"g{at}_judgment")
        verdict = "tie" if said == "tie" else _slot(winner, shown)
        yield Game(_item(record), shown, verdict, models[0], name, said, reply if isinstance(reply, str) else None)


def _battle(record: Record, models: tuple[str, str], at: int) -> Game:
    said = str(record[f"win_{at + 1}"])
    shown = models if at == 0 else models[::-1]
    winner = dict(zip(_A_VOTE, models, strict=True)).get(said, said)
    verdict = "tie" if said in _TIES else _slot(winner, shown)
    return Game(_item(record), shown, verdict, models[0], text_at(record, "judge") or "imported", said)


def _vote(record: Record) -> Game:
    models, said = _two(record, *_A_VOTE), record.get("winner")
    if said is None:
        columns = {"model_a": "winner_model_a", "model_b": "winner_model_b", "tie": "winner_tie"}
        won = [name for name, column in columns.items() if str(record.get(column)).lower() in {"1", "1.0", "true"}]
        if len(won) > 1:
            raise RecordProblem(f"{' and '.join(won)} both win", "a vote is for one side, or a tie")
        said = "".join(won)
    verdict = {"model_a": "first", "model_b": "second", **dict.fromkeys(_TIES, "tie")}.get(str(said))
    return Game(_item(record), models, verdict, models[0], "votes", str(said), is_vote=True)


def _slot(winner: str | None, shown: tuple[str, str]) -> str | None:
    return ("first", "second")[shown.index(winner)] if winner in shown else None


def _two(record: Record, *names: str) -> tuple[str, str]:
    one, other = (text_at(record, name) for name in names)
    if not one or not other or one == other:
        raise RecordProblem(f"{names[0]} and {names[1]} name no two models", "give verdicts on two models")
    return one, other


def _item(record: Record) -> str:
    """Return the item's id; a further turn is an item of its own, as `convert` names it."""
    id_ = next((record[name] for name in ("question_id", "uid", "id") if record.get(name) is not None), None)
    turn = record.get("turn")
    item = as_id(id_)
    return f"{item}.{turn}" if isinstance(turn, int) and turn > 1 else item


def _is_strong(said: object) -> bool:
    return isinstance(said, str) and (">>" in said or "<<" in said)
