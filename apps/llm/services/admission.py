"""Whether a call may be made at all: model, plan, key, pool. Decides in memory; nothing is held yet."""

from django.conf import settings

from apps.accounts.policies import Feature
from apps.catalog.llm.model import LlmKind, LlmModel, LlmRoute
from apps.catalog.llm.registry import llm_model
from apps.catalog.registry import InvalidModel
from apps.core.errors import DomainError, InvalidRequest, PlanRequired
from apps.core.sentences import sentence
from apps.core.values import frozen
from apps.llm.services.questions import Question

DISABLED = sentence("This workspace is disabled; nothing new can be started in it.")

# Tokens of an answer, or of each picture, at most, where the list does not say. The largest picture known takes 6,240.
_MOST_OUTPUT = {LlmKind.IMAGE: 8_192, LlmKind.TRANSCRIPTION: 16_384}


class ModelDenied(DomainError):
    """The key may not call this model."""

    type = "scope_denied"


class Disabled(DomainError):
    """Nothing new starts in this workspace."""

    type = "scope_denied"


@frozen
class Admitted:
    """What will answer a call, and from which pool."""

    model: LlmModel
    is_private: bool
    routes: tuple[LlmRoute, ...]
    # What it may write: by the request, else by the model.
    output_tokens: int

    @property
    def sandbox(self) -> LlmRoute | None:
        """What stands in where nobody has an account for the model; None: nothing does."""
        return None if self.is_private else sandbox_route(self.model)


def admit(question: Question) -> Admitted:
    """Raises InvalidModel, InvalidRequest, PlanRequired, ModelDenied or Disabled, each with what to do."""
    identity = question.identity
    if not identity.is_enabled:
        raise Disabled(DISABLED)
    model = llm_model(question.model)
    if not model.serves(question.operation):
        raise InvalidModel(
            sentence(
                "invalid model: {model} is a {kind} model and does not serve this endpoint.",
                model=question.model,
                kind=model.kind,
            ),
            detail={"field": "model"},
        )
    if identity.allowed_models and not _is_allowed(model, question):
        raise ModelDenied(
            sentence("This API key may not call {model}.", model=question.model),
            detail={"field": "model", "allowed_models": sorted(identity.allowed_models)},
        )
    if model.stream_only and not question.is_stream:
        words = sentence("{model} answers as a stream only: set it.", model=model.name)
        raise InvalidRequest.field("stream", words)
    is_private = _is_private(model, question)
    if not is_private:
        _check_plan(model, question)
    return Admitted(model, is_private, model.every_route, _most_output(model, question))


# Of our own model server: what shows how a model of this kind is used.
_STAND_INS = {
    LlmKind.CHAT: "local-chat",
    LlmKind.EMBEDDING: "local-embedding",
    LlmKind.SPEECH: "local-speech",
    LlmKind.TRANSCRIPTION: "local-transcription",
    LlmKind.IMAGE: "local-image",
    LlmKind.MODERATION: "local-moderation",
}


def sandbox_route(model: LlmModel) -> LlmRoute | None:
    """The route to try a model out without an account, where the installation allows it (SANDBOX_ENGINE).

    Answers say so (`x-served-by: sandbox`), and nobody gets them where there is an account.
    """
    if not (settings.SANDBOX_ENGINE and settings.LOCAL_MODELS_URL):
        return None
    return LlmRoute("local", _STAND_INS[model.kind])


def _is_allowed(model: LlmModel, question: Question) -> bool:
    allowed = question.identity.allowed_models
    return model.name in allowed or model.id in allowed or question.model in allowed


def _is_private(model: LlmModel, question: Question) -> bool:
    if question.service_mode not in ("", "public", "private"):
        raise InvalidRequest.field(
            "service_mode", sentence("Use public, private or leave it empty.")
        )
    if question.service_mode:
        return question.service_mode == "private"
    return model.family in question.identity.private_families


def _check_plan(model: LlmModel, question: Question) -> None:
    feature: Feature | None = model.feature
    terms = question.identity.terms
    if feature is not None and not terms.includes(feature):
        raise PlanRequired(
            sentence(
                "{model} is available from the Developer plan up, or on an own account.",
                model=model.name,
            ),
            detail={"plan": question.identity.plan, "needed_feature": str(feature)},
        )


def _most_output(model: LlmModel, question: Question) -> int:
    most = model.max_output_tokens
    if not most and ("output" in model.rates or not model.rates):
        most = _MOST_OUTPUT.get(model.kind, 0)
    asked = question.output_tokens
    if asked is not None:
        most = min(asked, most) if most else asked
    return most * question.choices
