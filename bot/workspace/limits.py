"""Slack's limits, as numbers and tables: what a method, a message, a modal and an element may hold."""

from typing import Final

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
MESSAGE_BLOCK_CHARACTERS: Final = 12_000
"""Undocumented total of all text in one message's blocks; past it Slack says msg_blocks_too_long."""
MARKDOWN_CHARACTERS: Final = 12_000
TEXT_CUT: Final = 40_000
UPDATE_TEXT: Final = 4_000
ATTACHMENTS: Final = 100
FILES_PER_SHARE: Final = 10
"""Slack documents no number; 15 and more answer internal_error, 10 is what its own client sends."""
FILE_BYTES: Final = 1_000_000_000
BYTES_IN_MEMORY: Final = 4_000_000
"""Larger files are kept on the disk, so that a gigabyte's export does not fill the memory."""
UPLOAD_CHUNK: Final = 256_000
FORM_FILE_BYTES: Final = 10_000_000
"""One file of a file_input."""
ALT_TXT: Final = 1_000
EMOJI_PER_ITEM: Final = 50
REACTIONS_PER_PERSON: Final = 23
"""Different emoji on one message, and those one person may give it: Slack's help pages say 50 and 23."""
IMAGE_BLOCK_TYPES: Final = frozenset({"png", "jpg", "jpeg", "gif"})

VIEW_BYTES: Final = 250_000
VIEW_TITLE: Final = 24
PRIVATE_METADATA: Final = 3_000
CALLBACK_ID: Final = 255
PUSHED_VIEWS: Final = 2

TRIGGER_SECONDS: Final = 3.0
ACK_SECONDS: Final = 3.0
HOOK_USES: Final = 5
HOOK_SECONDS: Final = 30 * 60.0
SOCKETS_PER_APP: Final = 10
RETRY_DELAYS: Final = (0.0, 60.0, 300.0)
"""Seconds before an event that was not acknowledged is sent again: at once, a minute, five minutes."""

BLOCK_ID: Final = 255
ACTION_ID: Final = 255
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
URL: Final = 3_000
PLACEHOLDER: Final = 150
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
SECTION_TEXT: Final = 3_000
FIELD_TEXT: Final = 2_000
HEADER_TEXT: Final = 150
ALT_TEXT: Final = 2_000
LABEL: Final = 2_000
CARD_TITLE: Final = 150
CARD_BODY: Final = 200
CARD_BUTTONS: Final = 3
CONFIRM: Final = {"title": 100, "text": 300, "confirm": 30, "deny": 30}

# --- how often --------------------------------------------------------------------------------------------

PER_MINUTE: Final = {1: 1, 2: 20, 3: 50, 4: 100, 0: 600}
"""Calls a minute in each tier; tier 0 is what Slack calls special, taken generously."""

TIERS: Final[dict[str, int]] = {
    "api.test": 0,
    "apps.connections.open": 3,
    "apps.manifest.export": 3,
    "auth.test": 0,
    "chat.delete": 3,
    "chat.getPermalink": 0,
    "chat.postEphemeral": 4,
    "chat.postMessage": 0,
    "chat.update": 3,
    "conversations.history": 3,
    "conversations.info": 3,
    "conversations.join": 3,
    "conversations.list": 2,
    "conversations.members": 4,
    "conversations.open": 3,
    "conversations.replies": 3,
    "files.completeUploadExternal": 4,
    "files.delete": 3,
    "files.getUploadURLExternal": 4,
    "files.info": 4,
    "files.list": 3,
    "reactions.add": 3,
    "reactions.get": 3,
    "reactions.remove": 2,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.conversations": 3,
    "users.info": 4,
    "users.list": 2,
    "views.open": 4,
    "views.publish": 4,
    "views.push": 4,
    "views.update": 4,
}
POST_PER_SECOND: Final = 1.0
"""chat.postMessage, for each channel, on average ..."""
POST_BURST: Final = 5
"""... and as many at once (Slack only says that bursts are tolerated)."""
POSTS_PER_MINUTE: Final = 300
"""The workspace-wide ceiling of chat.postMessage ("several hundred messages per minute")."""

# --- which blocks where -----------------------------------------------------------------------------------

EVERYWHERE: Final = frozenset({"message", "modal", "home"})
SURFACES: Final[dict[str, frozenset[str]]] = {
    "actions": EVERYWHERE,
    "alert": frozenset({"modal"}),
    "card": EVERYWHERE,
    "carousel": frozenset({"message", "home"}),
    "container": frozenset({"message", "home"}),
    "context": EVERYWHERE,
    "context_actions": frozenset({"message"}),
    "data_table": frozenset({"message", "home"}),
    "data_visualization": frozenset({"message", "home"}),
    "divider": EVERYWHERE,
    "file": frozenset({"message"}),
    "header": EVERYWHERE,
    "image": EVERYWHERE,
    "input": EVERYWHERE,
    "markdown": frozenset({"message"}),
    "plan": frozenset({"message"}),
    "rich_text": EVERYWHERE,
    "section": EVERYWHERE,
    "table": frozenset({"message", "home"}),
    "task_card": frozenset({"message"}),
    "video": EVERYWHERE,
}

# Fields each block and element knows. Slack refuses others, among them those it adds itself when it gives a
# message back (image_width, fallback, ...): blocks read from history must not be posted again.
BLOCK_FIELDS: Final[dict[str, frozenset[str]]] = {
    "actions": frozenset({"elements"}),
    "alert": frozenset({"text", "level"}),
    "card": frozenset(
        {"hero_image", "icon", "slack_icon", "title", "subtitle", "body", "subtext", "actions"}
    ),
    "carousel": frozenset({"elements"}),
    "container": frozenset(
        {
            "title", "rich_text_title", "subtitle", "child_blocks", "width", "icon",
            "is_collapsible", "default_collapsed", "has_header_divider",
        }
    ),
    "context": frozenset({"elements"}),
    "context_actions": frozenset({"elements"}),
    "divider": frozenset(),
    "header": frozenset({"text", "level"}),
    "image": frozenset({"image_url", "slack_file", "alt_text", "title"}),
    "input": frozenset({"label", "element", "dispatch_action", "hint", "optional"}),
    "markdown": frozenset({"text"}),
    "rich_text": frozenset({"elements"}),
    "section": frozenset({"text", "fields", "accessory", "expand"}),
    "table": frozenset({"rows", "column_settings"}),
}  # fmt: skip

BLOCK_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "actions": ("elements",),
    "alert": ("text",),
    "carousel": ("elements",),
    "container": ("child_blocks",),
    "context": ("elements",),
    "context_actions": ("elements",),
    "header": ("text",),
    "image": ("alt_text",),
    "input": ("label", "element"),
    "markdown": ("text",),
    "rich_text": ("elements",),
    "table": ("rows",),
}

BLOCK_COUNTS: Final[dict[tuple[str, str], tuple[int, int]]] = {
    ("actions", "elements"): (1, 25),
    ("carousel", "elements"): (1, 10),
    ("container", "child_blocks"): (1, 10),
    ("context", "elements"): (1, 10),
    ("context_actions", "elements"): (1, 5),
    ("section", "fields"): (1, 10),
    ("card", "actions"): (1, CARD_BUTTONS),
    ("table", "rows"): (1, 100),
    ("data_table", "rows"): (2, 101),
    ("plan", "tasks"): (1, 50),
}
"""The fewest and most items of a block's list."""

BLOCKS_OF_A_KIND: Final = {"table": 1, "data_visualization": 2}
"""The most blocks of these kinds in one message."""
TABLE_COLUMNS: Final = 20
DATA_TABLE_PAGE: Final = 5
DATA_TABLE_PAGE_MOST: Final = 100
DATA_TABLE_CHARACTERS: Final = 20_000
CHART_TITLE: Final = 50
ALERT_LEVELS: Final = ("default", "info", "warning", "error", "success")
TASK_STATES: Final = ("pending", "in_progress", "complete", "error")
RICH_TEXT_PARTS: Final = frozenset(
    {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
)

SELECTS: Final = frozenset(
    {"static_select", "external_select", "users_select", "conversations_select", "channels_select"}
)
MULTI_SELECTS: Final = frozenset(f"multi_{name}" for name in SELECTS)
PICKERS: Final = frozenset({"datepicker", "timepicker", "datetimepicker"})

IN_ACTIONS: Final = (
    frozenset({"button", "overflow", "checkboxes", "radio_buttons", "workflow_button", "rich_text_input"})
    | SELECTS
    | MULTI_SELECTS
    | PICKERS
)
ELEMENTS_IN: Final[dict[str, frozenset[str]]] = {
    "actions": IN_ACTIONS,
    "section": IN_ACTIONS | {"image"},
    "input": frozenset(
        {
            "plain_text_input", "number_input", "email_text_input", "url_text_input", "rich_text_input",
            "checkboxes", "radio_buttons", "file_input",
        }
    )
    | SELECTS
    | MULTI_SELECTS
    | PICKERS,
    "context_actions": frozenset({"feedback_buttons", "icon_button"}),
    "card": frozenset({"button"}),
}  # fmt: skip
"""Which elements each place takes. A file_input works in modals alone."""

_FOCUS: Final = frozenset({"confirm", "focus_on_load", "placeholder"})
_TEXT: Final = _FOCUS | {"initial_value", "dispatch_action_config"}
_MANY: Final = _FOCUS | {"max_selected_items"}
ELEMENT_FIELDS: Final[dict[str, frozenset[str]]] = {
    "button": frozenset(
        {"text", "value", "url", "style", "confirm", "accessibility_label", "visible_to_user_ids"}
    ),
    "channels_select": _FOCUS | {"initial_channel", "response_url_enabled"},
    "checkboxes": frozenset({"options", "initial_options", "confirm", "focus_on_load"}),
    "conversations_select": _FOCUS
    | {"initial_conversation", "default_to_current_conversation", "filter", "response_url_enabled"},
    "datepicker": _FOCUS | {"initial_date"},
    "datetimepicker": frozenset({"initial_date_time", "confirm", "focus_on_load"}),
    "email_text_input": _TEXT,
    "external_select": _FOCUS | {"initial_option", "min_query_length"},
    "feedback_buttons": frozenset({"positive_button", "negative_button"}),
    "file_input": frozenset({"filetypes", "max_files"}),
    "icon_button": frozenset(
        {"icon", "text", "value", "confirm", "accessibility_label", "visible_to_user_ids"}
    ),
    "image": frozenset({"image_url", "slack_file", "alt_text"}),
    "multi_channels_select": _MANY | {"initial_channels"},
    "multi_conversations_select": _MANY
    | {"initial_conversations", "default_to_current_conversation", "filter"},
    "multi_external_select": _MANY | {"initial_options", "min_query_length"},
    "multi_static_select": _MANY | {"options", "option_groups", "initial_options"},
    "multi_users_select": _MANY | {"initial_users"},
    "number_input": _TEXT | {"is_decimal_allowed", "min_value", "max_value"},
    "overflow": frozenset({"options", "confirm"}),
    "plain_text_input": _TEXT | {"multiline", "min_length", "max_length"},
    "radio_buttons": frozenset({"options", "initial_option", "confirm", "focus_on_load"}),
    "rich_text_input": _TEXT | {"min_lines", "max_lines"},
    "static_select": _FOCUS | {"options", "option_groups", "initial_option"},
    "timepicker": _FOCUS | {"initial_time", "timezone"},
    "url_text_input": _TEXT,
    "users_select": _FOCUS | {"initial_user"},
}
"""What each element may say besides type and action_id; Slack refuses anything else."""

ICONS: Final = frozenset({"trash"})
ICON_BUTTON_USERS: Final = 10
QUERY_LENGTH: Final = 3
"""The fewest characters typed before an external select asks the app, where it names no number."""

OPTION_COUNTS: Final[dict[str, tuple[int, int]]] = {
    "overflow": (1, 5),
    "checkboxes": (1, 10),
    "radio_buttons": (1, 10),
    "static_select": (1, 100),
    "multi_static_select": (1, 100),
}
INPUT_MAX_LENGTH: Final = 3_000
FILE_INPUT_FILES: Final = 10

# --- who may --------------------------------------------------------------------------------------------

MANIFEST_SCOPES: Final = (
    "app_mentions:read", "channels:history", "channels:read", "chat:write", "commands", "files:read",
    "files:write", "groups:history", "groups:read", "im:history", "im:write", "mpim:history",
    "reactions:read", "reactions:write", "usergroups:read", "users:read",
)  # fmt: skip
MANIFEST_EVENTS: Final = (
    "app_home_opened", "app_mention", "app_uninstalled", "message.channels", "message.groups", "message.im",
    "reaction_added", "reaction_removed", "tokens_revoked",
)  # fmt: skip
"""What slack-manifest.yaml asks for; a test holds the two together."""
EVERY_SCOPE: Final = (*MANIFEST_SCOPES, "channels:join", "im:read", "mpim:read")
EVERY_EVENT: Final = (*MANIFEST_EVENTS, "file_shared", "member_joined_channel")

SCOPES: Final[dict[str, str]] = {
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.join": "channels:join",
    "conversations.open": "im:write",
    "files.completeUploadExternal": "files:write",
    "files.delete": "files:write",
    "files.getUploadURLExternal": "files:write",
    "files.info": "files:read",
    "files.list": "files:read",
    "reactions.add": "reactions:write",
    "reactions.get": "reactions:read",
    "reactions.remove": "reactions:write",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "users.list": "users:read",
}
"""The scope of each method that needs one, whatever the conversation."""

READ_SCOPES: Final = {"channel": "channels:read", "group": "groups:read", "im": "im:read"}
HISTORY_SCOPES: Final = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}
