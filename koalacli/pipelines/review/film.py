"""Films on the review page: the middle frame of every scene stands for the scene."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from koalacli.colorizer import Colorizer
from koalacli.config import VideoConfig
from koalacli.errors import InputError
from koalacli.io.files import file_digest
from koalacli.io.film.open import clock
from koalacli.io.picture.codecs import encode, to_8bit
from koalacli.io.picture.picture import Picture
from koalacli.io.suffixes import is_film
from koalacli.pipelines.review.pictures import Found
from koalacli.pipelines.video.plan import FilmJob, Take, open_source, plan_take
from koalacli.pipelines.video.scenes import Scene, find_scenes, stills_of


@dataclass(frozen=True)
class Film:
    """A film and its scenes.

    Attributes:
        name: as decisions call it.
        sha256: of the file, hexadecimal.
        damage: what was met in it, once the stills were read.
    """

    take: Take
    name: str
    sha256: str
    scenes: tuple[Scene, ...]
    damage: list[str] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, str]:
        """For the page."""
        return {"name": self.name, "sha256": self.sha256}

    @property
    def names(self) -> list[str]:
        """Of the stills, in order."""
        return [self._name(scene) for scene in self.scenes]

    def stills(self) -> Iterator[Found]:
        """The middle frame of every scene, as the film is decoded once more.

        Raises:
            InputError: the film cannot be read.
        """
        with self.take.open() as source:
            for scene, pixels in stills_of(self.take, source, list(self.scenes)):
                name = self._name(scene)
                content, _ = encode(Picture(to_8bit(pixels)), "png", 95, "444", name)
                facts: dict[str, Any] = {"at": scene.clock(scene.still), "until": self._end(scene)}
                yield Found(Path(self.take.job.source), name, facts, content)
            self.damage.extend(dict.fromkeys(source.damage))

    def _name(self, scene: Scene) -> str:
        return f"{self.name} at {scene.clock(scene.still)}"

    def _end(self, scene: Scene) -> str:
        return clock(scene.pts[-1] * scene.time_base + Fraction(1) / self.take.info.rate)


def is_one_film(source: str) -> bool:
    """Whether what is to be reviewed is a film."""
    return is_film(Path(source)) and Path(source).is_file()


def open_film(source: str, colorizer: Colorizer) -> Film:
    """Find the scenes of a film, as `koala video` finds them: all of it is decoded.

    Raises:
        InputError, UnsupportedError: it cannot be read.
    """
    config, job = VideoConfig(), FilmJob(source, "")
    with open_source(job, config) as film:
        take = plan_take(film, job, config)
    scenes = tuple(find_scenes(take, colorizer))
    if not scenes:
        raise InputError(f"{source}: there is no frame in it")
    return Film(take, Path(source).name, file_digest(Path(source)), scenes)
