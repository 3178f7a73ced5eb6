"""Vendors' messages, as they were seen or as their documentation and our simulators give them, made short."""

from __future__ import annotations

import pytest

from bot.watch.gist import MOST, gist

SEEN = [
    (
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        "help.openai.com and include the request ID.",
        "Your request was rejected by the safety system",
    ),
    (
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        "Azure support ticket and include the request ID 063f708f-f4c2-4465-9de1-452fb65d34ec. "
        "safety_violations=[violence]. (request id: 20260715212753274771513fAg1k3QO)",
        "Your request was rejected by the safety system (violence)",
    ),
    (
        "Your request was rejected as a result of our safety system. Image descriptions generated from your "
        "prompt may contain text that is not allowed by our safety system. If you believe this was done in "
        "error, your request may succeed if retried, or by adjusting your prompt.",
        "Your request was rejected as a result of our safety system",
    ),
    (
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again "
        "with a different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy",
    ),
    (
        "The server had an error while processing your request. Sorry about that! You can retry your "
        "request, or contact us through our help center at help.openai.com if the error persists. (Please "
        "include the request ID req_7a2d40faa0c94b4f8b3d in your message.)",
        "The server had an error while processing your request",
    ),
    ("Our servers are currently overloaded. Please try again later.", "Our servers are currently overloaded"),
    (
        "Incorrect API key provided: xa…4f. You can obtain an API key from https://console.x.ai.",
        "Incorrect API key provided: xa…4f",
    ),
    (
        "You exceeded your current quota, please check your plan and billing details. Please retry in 42s.",
        "You exceeded your current quota, please check your plan and billing details",
    ),
    (
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "You exceeded your current quota, please check your plan and billing details",
    ),
    (
        "An internal error has occurred. Please retry or report in the forum.",
        "An internal error has occurred",
    ),
    (
        "OpenAI: Incorrect API key provided: [hidden] (401 invalid_api_key, request req_f15dc38f044d44099c).",
        "OpenAI: Incorrect API key provided: [hidden] (401 invalid_api_key)",
    ),
    ("Overloaded (request req_f15dc38f044d44099c).", "Overloaded"),
    ("Request contains an invalid argument.", "Request contains an invalid argument"),
    ("Generated image rejected by content moderation.", "Generated image rejected by content moderation"),
    (
        "models/imagen-9 is not found for API version v1beta, or is not supported for predict. Call "
        "ListModels to see the list of available models and their supported methods.",
        "models/imagen-9 is not found for API version v1beta, or is not supported for predict",
    ),
    (
        "The content could not be processed because it contained material flagged by a content checker.",
        "The content could not be processed because it contained material flagged by a content checker",
    ),
    (
        "prompt length should be in [1, 1000]",
        "prompt length should be in [1, 1000]",
    ),
    (
        "We're sorry. The model gpt-image-1.5 is at capacity, e.g. for large sizes! Visit "
        "https://status.openai.com for details.",
        "The model gpt-image-1.5 is at capacity, e.g. for large sizes!",
    ),
    ("No details (see https://docs.fal.ai/errors#no_media_generated).", "No details"),
    ("Request Moderated", "Request Moderated"),
    ("upstream\n  failed", "upstream failed"),
    ("", ""),
    ("Sorry.", "Sorry"),
    ("https://docs.fal.ai/errors", "https://docs.fal.ai/errors"),
    ("insufficient_quota", "insufficient_quota"),
]


@pytest.mark.parametrize(("message", "said"), SEEN)
def test_a_message_is_quoted_by_its_first_sentence_that_says_something(message: str, said: str) -> None:
    assert gist(message) == said


def test_a_sentence_without_end_is_cut() -> None:
    assert len(gist("word " * 400)) <= MOST
    assert gist("word " * 400).endswith("word…")
