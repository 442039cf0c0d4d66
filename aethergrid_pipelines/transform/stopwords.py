"""English words that say how something is asked, not what about. ``may`` is missing: it is a month, too."""

_TEXT = """
what when where who whom whose which why how whether
what's when's where's who's how's why's
a an the this that these those there here
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
herself it its itself they them their theirs themselves one's
i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'll we're we've we'd we'll
they're they've they'd they'll that's there's here's let's
am is are was were be been being do does did doing done have has had having
can could shall should will would might must ought
isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't can't cannot couldn't shouldn't won't
wouldn't mustn't mightn't
and or but nor so yet if then else than because as while until though although unless
of at by for with about against between into through during to from in out on off onto upon over under within
without toward towards via per
again further once too very just only also even still ever some any no not all both each few more most other such
own same please
"""

STOP_WORDS = frozenset(_TEXT.split())
