"""English words whose base form no stemmer finds: strong verbs, old plurals, short names of months."""

# base: its other forms. Forms that are words of their own more often (bore, ground, lay, rose, wound) are left out.
_VERBS = """
arise: arose arisen|awake: awoke awoken|be: am is are was were been being|bear: borne|beat: beaten|become: became
begin: began begun|bend: bent|bite: bit bitten|bleed: bled|blow: blew blown|break: broke broken|breed: bred
bring: brought|build: built|burn: burnt|buy: bought|catch: caught|choose: chose chosen|cling: clung|come: came
creep: crept|deal: dealt|dig: dug|do: does did done|draw: drew drawn|dream: dreamt|drink: drank drunk
drive: drove driven|eat: ate eaten|fall: fell fallen|feed: fed|feel: felt|fight: fought|find: found|flee: fled
fling: flung|fly: flew flown flies|forbid: forbade forbidden|forget: forgot forgotten|forgive: forgave forgiven
freeze: froze frozen|get: got gotten|give: gave given|go: went gone goes|grow: grew grown|hang: hung
have: has had|hear: heard|hide: hid hidden|hold: held|keep: kept|kneel: knelt|know: knew known|lead: led|lean: leant
leap: leapt|learn: learnt|leave: left|lend: lent|light: lit|lose: lost|make: made|mean: meant|meet: met
mistake: mistook mistaken|mow: mown|overcome: overcame|oversee: oversaw overseen|overtake: overtook overtaken|pay: paid
prove: proven|rebuild: rebuilt|redo: redid redone|rethink: rethought|rewrite: rewrote rewritten|ride: rode ridden
ring: rang rung|rise: risen|run: ran|say: said|see: saw seen|seek: sought|sell: sold|send: sent|sew: sewn
shake: shook shaken|shine: shone|shoot: shot|show: shown|shrink: shrank shrunk|sing: sang sung|sink: sank sunk
sit: sat|sleep: slept|slide: slid|sling: slung|smell: smelt|sow: sown|speak: spoke spoken|speed: sped|spell: spelt
spend: spent|spill: spilt|spin: spun|spit: spat|spoil: spoilt|spring: sprang sprung|stand: stood|steal: stole stolen
stick: stuck|sting: stung|stink: stank stunk|stride: strode|strike: struck stricken|strive: strove striven
swear: swore sworn|sweep: swept|swell: swollen|swim: swam swum|swing: swung|take: took taken|teach: taught
tear: tore torn|tell: told|think: thought|throw: threw thrown|tread: trod trodden|undergo: underwent undergone
understand: understood|undo: undid undone|uphold: upheld|wake: woke woken|wear: wore worn|weave: wove woven|weep: wept
win: won|withdraw: withdrew withdrawn|withhold: withheld|withstand: withstood|wring: wrung
write: wrote written
"""
_NOUNS = """
analysis: analyses|appendix: appendices|axis: axes|basis: bases|calf: calves|child: children|crisis: crises
criterion: criteria|curriculum: curricula|diagnosis: diagnoses|elf: elves|foot: feet|goose: geese|half: halves
hypothesis: hypotheses|index: indices indexes|knife: knives|leaf: leaves|life: lives|loaf: loaves|man: men
matrix: matrices|mouse: mice|nucleus: nuclei|ox: oxen|parenthesis: parentheses|person: people|phenomenon: phenomena
radius: radii|schema: schemata|self: selves|shelf: shelves|stimulus: stimuli|synopsis: synopses|synthesis: syntheses
thesis: theses|thief: thieves|tooth: teeth|vertex: vertices|wife: wives|wolf: wolves|woman: women
"""
_DEGREES = "good: better best|bad: worse worst|far: farther farthest further furthest"
_MONTHS = """
january: jan|february: feb|april: apr|june: jun|july: jul|august: aug|september: sep sept|october: oct|november: nov
december: dec
"""


def _forms(table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in table.replace("\n", "|").split("|"):
        base, _, forms = entry.partition(":")
        found.update(dict.fromkeys(forms.split(), base.strip()))
    return found


BASE_FORMS: dict[str, str] = {**_forms(_MONTHS), **_forms(_DEGREES), **_forms(_NOUNS), **_forms(_VERBS)}
"""Form → base form, in small letters."""
