"""List the judges that can be named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from judge.judges.config import find_config, read_config
from judge.judges.judge_options import JudgeOptions
from judge.judges.keys import environment_key, key_variables
from judge.judges.known_providers import PROVIDERS
from judge.judges.registry import parse_judge
from judge.prompting.pairwise_plan import own_template
from judge.schema import OBJECTS, JudgeSettings, JudgeSpec, Provider, ReplyForm

_PLACES = {
    Provider.OPENAI: "OpenAI, or a server with openai:MODEL@URL",
    Provider.ANTHROPIC: "Anthropic, or a server with anthropic:MODEL@URL",
    Provider.AZURE: "your Azure resource, AZURE_OPENAI_ENDPOINT",
    Provider.BEDROCK: "Amazon Bedrock, AWS_REGION (extra bedrock)",
    Provider.VERTEX: "Google Vertex, CLOUD_ML_REGION (extra vertex)",
}
_CREDENTIALS = {Provider.BEDROCK: "AWS's own", Provider.VERTEX: "Google's own"}


def known_judges(config: Path | None) -> Iterator[tuple[str, str, str, str]]:
    """Yield how each judge is named, what answers, in which form of reply, and its key's variable.

    Args:
        config: the file of judges; None looks for it.

    Raises:
        InputError: the file cannot be used.
    """
    found = find_config(config)
    for name, table in read_config(found).items():
        if table.provider is Provider.LOCAL:
            yield name, f"the embedded model {table.model or ''}".rstrip(), ReplyForm.SCHEMA, "-"
            continue
        spec = parse_judge(name, JudgeOptions(config=found), say=lambda _: None, needs_key=False)
        at = f" at {spec.endpoint}" if spec.endpoint else ""
        own = spec.settings.prompt and own_template(spec.settings.prompt).reply
        reply = own if own and own not in OBJECTS else spec.settings.reply
        yield name, f"{spec.provider}:{spec.model}{at}", reply, _key(spec)
    yield "local, local:FILE.gguf", "the embedded model", ReplyForm.SCHEMA, "-"
    yield "local:REPO/FILE.gguf", "weights from the Hugging Face Hub, embedded", ReplyForm.SCHEMA, "HF_TOKEN, if any"
    for provider in Provider:
        if provider is Provider.LOCAL:
            continue
        known = PROVIDERS.get(provider)
        where = _PLACES.get(provider) or (known and known.base_url) or ""
        spec = JudgeSpec(provider=provider, model="MODEL", settings=JudgeSettings(max_output_tokens=1))
        reply = known.reply if known else ReplyForm.SCHEMA
        named = "DEPLOYMENT" if provider is Provider.AZURE else "MODEL"
        yield f"{provider}:{named}", where, reply, _CREDENTIALS.get(provider) or _key(spec)


def _key(spec: JudgeSpec) -> str:
    """Return the variable of a judge's key, and whether it is set."""
    variables = [*key_variables(spec), *spec.key_headers.values()]
    return ", ".join(f"{name} ({'set' if environment_key(name) else 'not set'})" for name in variables) or "-"
