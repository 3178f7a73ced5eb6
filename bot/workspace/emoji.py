"""The emoji shortcodes apps commonly use, their characters, and drawings where no font has them."""

import re
from pathlib import Path

from markupsafe import Markup

_TABLE = """
+1 👍  -1 👎  thumbsup 👍  thumbsdown 👎  white_check_mark ✅  heavy_check_mark ✔️  x ❌
warning ⚠️  rotating_light 🚨  no_entry ⛔  hourglass ⌛  hourglass_flowing_sand ⏳
stopwatch ⏱️  clock1 🕐  calendar 📅  bell 🔔  no_bell 🔕  mute 🔇  tada 🎉  sparkles ✨
rocket 🚀  fire 🔥  star ⭐  eyes 👀  art 🎨  frame_with_picture 🖼️  camera 📷
camera_with_flash 📸  paintbrush 🖌️  file_folder 📁  open_file_folder 📂  page_facing_up 📄
paperclip 📎  package 📦  link 🔗  mag 🔍  bulb 💡  gear ⚙️  wrench 🔧  hammer_and_wrench 🛠️
lock 🔒  key 🔑  robot_face 🤖  wave 👋  pray 🙏  clap 👏  raised_hands 🙌  muscle 💪  ok_hand 👌
point_right 👉  thinking_face 🤔  smile 😄  slightly_smiling_face 🙂  grinning 😀  joy 😂
wink 😉  heart ❤️  green_heart 💚  broken_heart 💔  cry 😢  scream 😱  moneybag 💰
money_with_wings 💸  dollar 💵  credit_card 💳  chart_with_upwards_trend 📈
chart_with_downwards_trend 📉  bar_chart 📊  clipboard 📋  pencil 📝  pencil2 ✏️  memo 📝
wastebasket 🗑️  repeat 🔁  recycle ♻️  arrows_counterclockwise 🔄  arrow_right ➡️  arrow_left ⬅️
arrow_up ⬆️  arrow_down ⬇️  double_vertical_bar ⏸️
black_right_pointing_triangle_with_double_vertical_bar ⏯️  arrow_forward ▶️
octagonal_sign 🛑  information_source ℹ️  question ❓  exclamation ❗  zap ⚡  hammer 🔨
label 🏷️  large_green_circle 🟢  large_yellow_circle 🟡  large_orange_circle 🟠
red_circle 🔴  white_circle ⚪  large_blue_circle 🔵  black_circle ⚫  100 💯  one 1️⃣
inbox_tray 📥  outbox_tray 📤  two 2️⃣  three 3️⃣  four 4️⃣  five 5️⃣
"""
_WORDS = _TABLE.split()

EMOJI = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
"""Character by shortcode."""

_DRAWN = {
    chr(int(code, 16))
    for code in re.findall(r'id="e([0-9a-f]+)"', (Path(__file__).parent / "static/emoji.svg").read_text())
}
_PARTS = re.compile(f"(<[^>]*>)|([{''.join(_DRAWN)}])\ufe0f?")


def pictured(html: Markup) -> Markup:
    """The HTML with our own drawings over the emoji we have drawn; their characters stay as hidden text."""

    def part(match: re.Match[str]) -> str:
        tag, character = match.groups()
        if tag:
            return tag
        drawing = f'<svg aria-hidden="true"><use href="/page/static/emoji.svg#e{ord(character):x}"/></svg>'
        return f'<span class="emoji">{drawing}<span>{match[0]}</span></span>'

    return Markup(_PARTS.sub(part, str(html)))  # noqa: S704  only our own markup is added
