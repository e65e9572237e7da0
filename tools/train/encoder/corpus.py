"""The text side: every caption and phrase the towers learn from.

    python corpus.py --emoji EMOJI --out OUT

Writes OUT/texts.json (the phrases, distinct) and OUT/captions.json (hexcode -> indices into texts: label, names,
kinds). The queries of tests/quality are left out, compared without case.
"""

import argparse
import json
import random
import re
from pathlib import Path

from wordnet import WordNet

QUERIES = Path(__file__).resolve().parents[3] / "tests/quality/queries.json"
SEED = 1
COLOURS = "red orange yellow green blue purple pink brown black white grey golden silver colourful".split()
LOOKS = """big small little tiny huge large tall short long old new young cute pretty beautiful ugly scary funny happy
sad angry sleepy hungry tired wild fluffy furry soft hard round square flat thin fat heavy light fast slow hot cold warm
wet dry fresh ripe sweet sour salty spicy delicious tasty bright dark shiny broken clean dirty empty full open closed
wooden metal stone plastic glass paper golden modern ancient traditional famous tropical snowy rainy sunny stormy windy
cloudy icy quiet loud dangerous safe cheap expensive simple strange magic lucky favourite healthy sick strong weak brave
clever friendly lonely lovely funny flying swimming running sleeping smiling jumping dancing singing""".split()
PLACES = """on a table; in a garden; in the sky; in the sea; in the snow; on the grass; in the forest; at night; in the
city; on the beach; at home; in the rain; at the farm; in the kitchen; under water; on a plate; in the desert; in the
mountains; on the road; at school; in winter; in summer; at sunset; in the morning""".replace("\n", " ").split("; ")
PICTURES = [
    "a drawing of {}", "a sketch of {}", "a picture of {}", "a photo of {}", "a painting of {}", "an icon of {}",
    "line art of {}", "a line drawing of {}", "a cartoon of {}", "a blurry picture of {}", "images of {}",
    "an emoji of {}", "a small picture of {}",
]
SOMETHING = [
    "something to {}", "something you can {}", "something that can {}", "someone who likes to {}", "people {}ing",
    "a person {}ing", "ready to {}", "a place to {}", "time to {}", "how to {}", "a thing to {} with",
]
VERBS = """eat drink wear read write play watch sleep cook cut open close drive ride fly swim run walk dance sing draw
paint build repair clean wash buy sell pay send call listen hear see look find lose win throw catch kick hit
climb jump dig plant grow pick carry lift push pull hold break fix measure count learn teach study work rest
travel visit celebrate pray love kiss hug cry laugh smile shout whisper think dream remember hide hunt fish
shoot fight protect heal burn freeze melt boil bake fry smell taste touch light shine ring lock unlock sail row
ski skate camp photograph film record""".split()


def article(phrase: str) -> str:
    return ("an " if phrase[0].lower() in "aeiou" else "a ") + phrase


def plural(noun: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"


def ing(verb: str) -> str:
    """-ing form of a verb from VERBS: run -> running, ride -> riding, eat -> eating."""
    if re.search(r"[^aeiouwxy][aeiou][bdgmnpt]$", verb) and len(verb) <= 4:
        return verb + verb[-1] + "ing"
    return re.sub(r"e$", "", verb) + "ing" if not verb.endswith("ee") else verb + "ing"


def emoji_captions(meta: dict, words: WordNet) -> dict[str, dict[str, list[str]]]:
    """hexcode -> label; names (tags and keywords); kinds (group, subgroup, hypernyms)."""
    captions = {}
    for hexcode, entry in meta.items():
        label = entry["label"]
        others = dict.fromkeys(entry["tags"] + entry["keywords"])
        names = [t for t in others if t.lower() != label.lower() and len(t) > 1]
        kinds = [entry["subgroup"].replace("-", " "), entry["group"].replace("-", " and ")]
        if entry["group"] in ("animals-nature", "food-drink", "travel-places", "activities", "objects"):
            kinds += words.hypernyms(label, 3) or words.hypernyms(label.split()[-1], 2)
        captions[hexcode] = {"label": [label], "names": names, "kinds": kinds}
    return captions


def composed(rng: random.Random, nouns: list[str], things: list[str], words: WordNet, count: int) -> list[str]:
    """Phrases a person might type, put together from names of pictures (things) and common nouns."""
    adjectives, verbs = words.common("a", 700), words.common("v", 400)
    def noun():
        return rng.choice(things if rng.random() < 0.6 else nouns)
    def adjective():
        return rng.choice(rng.choice([COLOURS, LOOKS, LOOKS, adjectives]))
    def verb():
        return rng.choice(VERBS if rng.random() < 0.7 else verbs)
    makers = [
        (6, lambda: f"{adjective()} {noun()}"),
        (6, lambda: article(f"{adjective()} {noun()}")),
        (3, lambda: article(f"{rng.choice(COLOURS)} {noun()}")),
        (2, lambda: f"{adjective()} {plural(noun())}"),
        (2, lambda: article(f"{adjective()} {adjective()} {noun()}")),
        (2, lambda: f"{noun()} and {noun()}"),
        (2, lambda: f"{article(noun())} with {article(noun())}"),
        (2, lambda: f"{article(noun())} {rng.choice(PLACES)}"),
        (2, lambda: f"{adjective()} {noun()} {rng.choice(PLACES)}"),
        (3, lambda: rng.choice(PICTURES).format(article(noun()))),
        (2, lambda: f"{noun()} {noun()}"),
        (2, lambda: f"{rng.choice(['two', 'three', 'many', 'some', 'a lot of', 'a group of'])} {plural(noun())}"),
        (2, lambda: f"{ing(verb())} {article(noun())}"),
        (1, lambda: f"a person {ing(verb())} {article(noun())}"),
        (2, lambda: re.sub(r"(\w+)ing$", lambda m: ing(m[1]), rng.choice(SOMETHING).format(verb()))),
        (1, lambda: f"something {adjective()}"),
        (1, lambda: f"{noun()} for {ing(verb())}"),
        (1, lambda: f"{ing(verb())} {rng.choice(PLACES)}"),
        (1, lambda: f"the {noun()} of the {noun()}"),
        (1, lambda: f"{adjective()} and {adjective()}"),
    ]
    weights = [w for w, _ in makers]
    return [maker() for _, maker in rng.choices(makers, weights, k=count)]


def wordnet_phrases(rng: random.Random, words: WordNet) -> list[str]:
    phrases = []
    for (part, _), synset in words.synsets.items():
        known = max(words.frequency.get((part, w.lower()), 0) for w in synset.words)
        if part in "nv" or known:
            phrases.append(rng.choice(synset.words))
        phrases += [w for w in synset.words if words.frequency.get((part, w.lower()), 0)]
        share = 0.9 if known else 0.25
        if rng.random() < share:
            phrases.append(synset.gloss)
        if known and rng.random() < 0.5:
            phrases.append(f"{synset.words[0]}, {synset.gloss}")
        phrases += synset.examples if known else []
    return phrases


def build(meta: dict) -> tuple[list[str], dict]:
    rng = random.Random(SEED)
    words = WordNet()
    captions = emoji_captions(meta, words)
    unseen = {q["query"].lower() for q in json.loads(QUERIES.read_text())}
    names = list(dict.fromkeys(n for c in captions.values() for kind in c.values() for n in kind))
    plain = [n for n in names if len(n.split()) <= 2 and re.fullmatch(r"[A-Za-z -]+", n)]
    texts = list(names) + [article(n) for n in plain] + [plural(n) for n in plain]
    texts += [p.format(article(c["label"][0])) for c in captions.values() for p in rng.sample(PICTURES, 5)]
    texts += [f"{c} {n}" for n in sorted({c["label"][0] for c in captions.values()}) for c in rng.sample(COLOURS, 4)]
    texts += [f"{rng.choice(c['names'])} {c['label'][0]}" for c in captions.values() if c["names"] for _ in range(3)]
    texts += [f"{a} {k}" for c in captions.values() for k in c["kinds"] for a in rng.sample(LOOKS, 2)]
    texts += composed(rng, words.common("n", 4000), plain, words, 140_000)
    texts += wordnet_phrases(rng, words)
    texts = [t for t in dict.fromkeys(texts) if t.lower() not in unseen and 0 < len(t) <= 160]
    index = {t: i for i, t in enumerate(texts)}
    numbered = {h: {k: [index[t] for t in ts if t in index] for k, ts in c.items()} for h, c in captions.items()}
    return texts, numbered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    texts, captions = build(json.loads((args.emoji / "meta.json").read_text()))
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{len(texts)} texts")
    (args.out / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=0))
    (args.out / "captions.json").write_text(json.dumps(captions))


if __name__ == "__main__":
    main()
