"""The dials only Gemini has, beside those every simulated vendor shares."""

from __future__ import annotations

from dataclasses import dataclass

from providers.simulators.faults import Faults


@dataclass
class GeminiFaults(Faults):
    """Shared dials keep their meaning, with Gemini's twist: batches that expire or are cancelled hand out
    nothing, `quota` is the allowance of the day, `auth` is a 400 with API_KEY_INVALID.
    """

    text_only_rate: float = 0.0
    """Chance that the model answers in words; to the vendor that is a success."""
    no_credit: bool = False
    """The prepaid credit is gone: calls that cost money answer 402."""
    failed_batches: int = 0
    """This many batches fail as a whole before they run, with a reason in the operation's `error`."""
    job_states: bool = False
    """States come as JOB_STATE_ instead of BATCH_STATE_."""
    keyless_errors: bool = False
    """Failed lines are a bare status, without the key."""
    shuffled: bool = False
    """Lines come in another order than they were sent, against what is documented."""
    thought_pictures: bool = False
    """A picture the model only thought comes before the real one, and thinking is billed."""
    jpeg: bool = False
    """Pictures come as JPEG."""
    processing_seconds: float = 0.0
    """Seconds until an uploaded file may be used."""
    lost_reply_upload: int = 0
    """This many pieces of uploads arrive, and the connection is cut before the reply."""
    half_uploads: int = 0
    """Of this many pieces of uploads only half arrives before the connection is cut."""
    inline_read_limit: int = 0
    """Batches sent inline whose answer has more bytes than this can never be read (503); 0 is off."""
    cancelled_delivers: bool = False
    """A cancelled batch hands out what was finished; whether it does is not documented."""

    def turn(self, name: str, value: object) -> None:
        """As the shared dials, with one more chance among them."""
        before = self.text_only_rate
        super().turn(name, value)
        if self.text_only_rate > 1:
            self.text_only_rate = before
            raise ValueError(f"{name}={value} will not do: it is a chance between 0 and 1")
