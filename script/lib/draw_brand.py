"""Draw the integration's icon and logo into its brand folder.

draw_brand.py   (run with the Python of .venv-ha, which has Pillow)

A meter's dial with the quarter hours of a day behind it, and the key that says the
connection is a confirmed one.
"""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BRAND = Path(__file__).parents[2] / "custom_components" / "smgw" / "brand"
BLUE, GREEN, LIGHT, DARK = "#0b4f8a", "#39b54a", "#ffffff", "#12263a"
# Everything is drawn eight times too large and scaled down, for smooth edges.
SCALE = 8


def icon(size: int) -> Image.Image:
    """Return the square icon, transparent around the rounded case."""
    n = size * SCALE
    image = Image.new("RGBA", (n, n), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, ...]:
        return (x0 * n, y0 * n, x1 * n, y1 * n)

    draw.rounded_rectangle(box(0.04, 0.04, 0.96, 0.96), radius=0.2 * n, fill=BLUE)
    draw.rounded_rectangle(box(0.15, 0.15, 0.85, 0.62), radius=0.08 * n, fill=LIGHT)
    for index, height in enumerate((0.10, 0.16, 0.24, 0.34, 0.29, 0.2, 0.13)):
        left = 0.215 + index * 0.084
        draw.rounded_rectangle(
            box(left, 0.57 - height, left + 0.058, 0.57),
            radius=0.012 * n,
            fill=GREEN if index == 3 else BLUE,
        )
    for left in (0.15, 0.40):
        draw.rounded_rectangle(
            box(left, 0.70, left + 0.2, 0.83), radius=0.03 * n, fill=LIGHT
        )
    draw.ellipse(box(0.70, 0.69, 0.85, 0.84), fill=GREEN)
    draw.line(
        [(0.735 * n, 0.765 * n), (0.765 * n, 0.795 * n), (0.818 * n, 0.735 * n)],
        fill=LIGHT,
        width=int(0.024 * n),
        joint="curve",
    )
    return image.resize((size, size), Image.Resampling.LANCZOS)


def logo(height: int, ink: str) -> Image.Image:
    """Return icon and name side by side."""
    font = ImageFont.load_default(size=height * 0.62)
    text = "SMGW"
    left, top, right, bottom = font.getbbox(text)
    gap = height // 8
    image = Image.new(
        "RGBA", (int(height + gap + right - left + gap), height), (0, 0, 0, 0)
    )
    image.paste(icon(height), (0, 0))
    ImageDraw.Draw(image).text(
        (height + gap - left, (height - (bottom - top)) / 2 - top),
        text,
        font=font,
        fill=ink,
    )
    return image


def main() -> None:
    """Write every size and colour the stores ask for."""
    BRAND.mkdir(exist_ok=True)
    for suffix, factor in (("", 1), ("@2x", 2)):
        icon(256 * factor).save(BRAND / f"icon{suffix}.png", optimize=True)
        logo(128 * factor, DARK).save(BRAND / f"logo{suffix}.png", optimize=True)
        logo(128 * factor, LIGHT).save(BRAND / f"dark_logo{suffix}.png", optimize=True)


if __name__ == "__main__":
    main()
