"""Slack's limits, in one place, each with where it comes from.

“docs” is docs.slack.dev, “sdk” the checks of slack_sdk 3.47, “issues” reports in Slack's own repositories
about what is not documented.
"""

from __future__ import annotations

from typing import Final

# --- messages ------------------------------------------------------------------------------------------

MESSAGE_BLOCKS: Final = 50
"""Blocks in one message (docs, reference/block-kit/blocks)."""
MESSAGE_CHARACTERS: Final = 10_000
"""All text in one message's blocks. Undocumented: `msg_blocks_too_long` was seen from about 11,300
(bolt-js#2509, #2867), so this keeps a distance."""
FALLBACK_TEXT: Final = 3_000
"""The message's `text`: chat.update refuses more than 4,000 (docs, chat.update, `msg_too_long`)."""
METADATA_EVENT: Final = "imgbatch"
"""Type of the metadata on our messages, by which they are found again after a crash."""

# --- blocks --------------------------------------------------------------------------------------------

HEADER_TEXT: Final = 150
"""docs, header block."""
SECTION_TEXT: Final = 3_000
"""docs, section block."""
SECTION_FIELDS: Final = 10
"""docs, section block."""
CONTEXT_ELEMENTS: Final = 10
"""docs, context block."""
ALT_TEXT: Final = 2_000
"""docs, image block; the same for its title."""
BLOCK_ID: Final = 255
"""docs, every block."""

# --- elements ------------------------------------------------------------------------------------------

BUTTON_TEXT: Final = 75
"""docs, button element; the same for an option's text."""
BUTTON_VALUE: Final = 2_000
"""docs, button element."""
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
"""docs, option object; the text also of its description and of an option group."""
OPTIONS: Final = 100
"""Options of a static select (docs); radio buttons and checkboxes have 10."""
CHOICES: Final = 10
"""Radio buttons or checkboxes (docs)."""
PLACEHOLDER: Final = 150
"""docs, select and input elements."""
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
"""docs, confirmation dialog object."""
INPUT_CHARACTERS: Final = 3_000
"""docs, plain text input: `max_length`."""

# --- views ---------------------------------------------------------------------------------------------

VIEW_BLOCKS: Final = 100
"""docs, views."""
VIEW_TITLE: Final = 24
"""Title, submit and close of a modal (docs, views)."""
VIEW_KEPT: Final = 3_000
"""docs, views: `private_metadata`."""
ALERT_TEXT: Final = 200
"""docs, alert block: in modals only."""
FIELD_ERROR: Final = 200
"""No limit is documented for an error under a field; longer ones push the form off the screen."""
FORM_FILE_BYTES: Final = 10_000_000
"""One file of a file input (docs, file-input-element)."""

# --- files ---------------------------------------------------------------------------------------------

FILES_PER_SHARE: Final = 10
"""Files in one completeUploadExternal: 15 and more answer `internal_error` (python-slack-sdk#1653)."""
