"""The settings of `koala try`; see `config` for how settings are written."""

from dataclasses import dataclass

from koalacli.settings import DecodeSettings, DeviceSettings, NetworkSettings, setting

NUMBERS = (r"\d+(\.\d+)?(,\d+(\.\d+)?)*", "numbers with commas between, such as 0.3,0.8")


@dataclass(frozen=True)
class TryConfig(DecodeSettings, DeviceSettings, NetworkSettings):
    """Settings of `koala try`."""

    sizes: str = setting("256,384", "Values of --size to compare with the usual one.", form=NUMBERS)
    vividnesses: str = setting("0.3", "Values of --vividness to compare with the usual one.", form=NUMBERS)
    saturations: str = setting("1.4", "Values of --saturation to compare with the usual one.", form=NUMBERS)
    at: str = setting("", "Times of a film to look at, such as 0:10,0:40; by default three in even parts.")
    pick: int = setting(0, "Write the result of this look and say its flags.", least=0)
    output: str = setting(
        "",
        "The page, by default NAME.try.html in the current folder; with --pick the result, as `koala colorize` and "
        "`koala video` name it.",
        names=("-o", "--output"),
    )
