"""By which words the usual licence texts are recognised.

All phrases are compared in lower case with single blanks. A phrase that also occurs inside another
licence's text (the GPL is mentioned in the MPL, for instance) is not used as a beginning.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """A licence text: how it begins, what must and what must not follow soon after."""

    spdx_id: str
    begins: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """All of these."""
    any_of: tuple[str, ...] = ()
    """At least one of these, if there are any."""
    lacks: tuple[str, ...] = ()
    within: int = 2500
    """Characters from the beginning in which `needs`, `any_of` and `lacks` are looked for."""


_MIT = (
    "permission is hereby granted, free of charge, to any person obtaining a copy of this software "
    "and associated documentation files",
)
_BSD = (
    "redistribution and use in source and binary forms, with or without modification, are "
    "permitted",
)
_BSD_NAMES = (
    "neither the name",
    "may not be used to endorse or promote",
    "be used to endorse or promote",
)
_BSD_ADVERTISING = "all advertising materials mentioning features"
_ISC = (
    "permission to use, copy, modify, and/or distribute this software for any purpose with or "
    "without fee is hereby granted",
    "permission to use, copy, modify, and distribute this software for any purpose with or without "
    "fee is hereby granted",
)
_GPL_LATER = "or (at your option) any later version"
_NOTICE = " as published by the free software foundation, either "

RULES = (
    TextRule(
        spdx_id="Apache-2.0",
        begins=(
            "apache license version 2.0, january 2004",
            "licensed under the apache license, version 2.0",
        ),
    ),
    TextRule(
        spdx_id="MIT",
        begins=_MIT,
        needs=("the above copyright notice and this permission notice",),
        lacks=("except as contained in this notice, the name",),
    ),
    TextRule(
        spdx_id="X11",
        begins=_MIT,
        needs=("except as contained in this notice, the name",),
    ),
    TextRule(spdx_id="MIT-0", begins=_MIT, lacks=("and this permission notice",), within=900),
    TextRule(spdx_id="BSD-4-Clause", begins=_BSD, needs=(_BSD_ADVERTISING,)),
    TextRule(spdx_id="BSD-3-Clause", begins=_BSD, any_of=_BSD_NAMES, lacks=(_BSD_ADVERTISING,)),
    TextRule(spdx_id="BSD-2-Clause", begins=_BSD, lacks=(*_BSD_NAMES, _BSD_ADVERTISING)),
    TextRule(spdx_id="ISC", begins=_ISC, needs=("this permission notice appear in all",)),
    TextRule(spdx_id="0BSD", begins=_ISC, lacks=("this permission notice appear in all",)),
    TextRule(
        spdx_id="HPND",
        begins=(
            "permission to use, copy, modify, and distribute this software and its documentation "
            "for any purpose and without fee is hereby granted",
            "permission to use, copy, modify and distribute this software and its documentation "
            "for any purpose and without fee is hereby granted",
        ),
    ),
    TextRule(spdx_id="PSF-2.0", begins=("python software foundation license version 2",)),
    TextRule(
        spdx_id="MPL-2.0",
        begins=(
            "mozilla public license version 2.0 ==",
            "mozilla public license, version 2.0 1. definitions",
            "mozilla public license version 2.0 1. definitions",
            "subject to the terms of the mozilla public license, v. 2.0",
        ),
    ),
    TextRule(
        spdx_id="AGPL-3.0-only",
        begins=("gnu affero general public license version 3, 19 november 2007",),
    ),
    TextRule(
        spdx_id="LGPL-3.0-only",
        begins=("gnu lesser general public license version 3, 29 june 2007",),
    ),
    TextRule(
        spdx_id="LGPL-2.1-only",
        begins=("gnu lesser general public license version 2.1, february 1999",),
    ),
    TextRule(
        spdx_id="GPL-3.0-only", begins=("gnu general public license version 3, 29 june 2007",)
    ),
    TextRule(spdx_id="GPL-2.0-only", begins=("gnu general public license version 2, june 1991",)),
    TextRule(
        spdx_id="GPL-3.0-or-later",
        begins=(f"gnu general public license{_NOTICE}version 3",),
        needs=(_GPL_LATER,),
        within=300,
    ),
    TextRule(
        spdx_id="GPL-2.0-or-later",
        begins=(f"gnu general public license{_NOTICE}version 2",),
        needs=(_GPL_LATER,),
        within=300,
    ),
    TextRule(
        spdx_id="LGPL-3.0-or-later",
        begins=(f"gnu lesser general public license{_NOTICE}version 3",),
        needs=(_GPL_LATER,),
        within=300,
    ),
    TextRule(
        spdx_id="LGPL-2.1-or-later",
        begins=(f"gnu lesser general public license{_NOTICE}version 2.1",),
        needs=(_GPL_LATER,),
        within=300,
    ),
    TextRule(spdx_id="EPL-2.0", begins=("eclipse public license - v 2.0",)),
    TextRule(spdx_id="EPL-1.0", begins=("eclipse public license - v 1.0",)),
    TextRule(
        spdx_id="Unlicense",
        begins=("this is free and unencumbered software released into the public domain",),
    ),
    TextRule(
        spdx_id="Zlib",
        begins=("this software is provided 'as-is', without any express or implied warranty",),
        needs=("must not be misrepresented",),
    ),
    TextRule(spdx_id="CC0-1.0", begins=("cc0 1.0 universal",)),
    TextRule(spdx_id="BSL-1.0", begins=("boost software license - version 1.0",)),
    TextRule(spdx_id="Artistic-2.0", begins=("the artistic license 2.0",)),
    TextRule(spdx_id="OFL-1.1", begins=("sil open font license version 1.1",)),
    TextRule(spdx_id="NCSA", begins=("university of illinois/ncsa open source license",)),
    TextRule(
        spdx_id="Elastic-2.0",
        begins=("elastic license 2.0",),
        needs=("hosted or managed service",),
    ),
    TextRule(spdx_id="BUSL-1.1", begins=("business source license 1.1",)),
    TextRule(spdx_id="SSPL-1.0", begins=("server side public license version 1",)),
    TextRule(spdx_id="LicenseRef-Commons-Clause", begins=("“commons clause” license condition",)),
    TextRule(
        spdx_id="PolyForm-Noncommercial-1.0.0", begins=("polyform noncommercial license 1.0.0",)
    ),
)
