"""Are two items one text? Pairs as outlets publish them, what holds for all, and what is routine."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.model import Enclosure, Item, Level, Link, Near
from aggregator.stories import WINDOW, Looked, Subject, look, make_print, same_texts, still_linked
from aggregator.stories.guards import another_issue
from aggregator.stories.routine import Told, routine
from aggregator.stories.same_text import TITLE, Origin, judge, may_be_linked
from aggregator.stories.similarity import Words, are_far, compare, shares, title_likeness
from tests.values import NOW, date, make_item

ONE, OTHER, THIRD, FOURTH = (f"https://{name}.example/feed" for name in ("doubs", "jura", "saone", "nievre"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_numbers = count(1)


def item(title: str, text: str, source: str = ONE, at: datetime | None = NOW, **rest: Any) -> Item:
    number = next(_numbers)
    return make_item(
        number, source=source, canonical=f"{source}/{number}", title=title, lead="", text=text, published=date(at), **rest
    )  # fmt: skip


def near(each: Item) -> Near:
    return Near(each.key, make_print(each), each.published.at or NOW, each.published.at)


def looked(each: Item, others: Sequence[Item], **rest: Any) -> Looked:
    print_, at = make_print(each), each.published.at
    return look(Subject(each.key, print_, at or NOW, at, **rest), [near(other) for other in others])


def found(one: Item, other: Item, *beside: Item) -> Link | None:
    """The link that an item gets to another when it comes after it and all beside it."""
    links = [link for link in same_texts(looked(one, [other, *beside])) if link.other == other.key]
    return links[0] if links else None


def reviewed(one: Item, other: Item, *beside: Item) -> Link | None:
    """The link between two items once all are known."""
    return still_linked(looked(one, [other, *beside]), looked(other, [one, *beside]))


# ── texts, all invented

POOL = """La piscine intercommunale de Morteau fermera ses portes du 14 avril au 22 juin pour le remplacement de sa chaudière à bois. Le chantier, confié à l'entreprise Thiébaud, coûtera 480 000 euros, dont la moitié est prise en charge par l'État. Pendant ces dix semaines, les clubs et les écoles seront accueillis à Pontarlier, où des navettes les conduiront gratuitement. Les abonnements seront prolongés d'autant, précise la communauté de communes. Une réunion publique est prévue jeudi 3 avril à la salle des fêtes."""
ROAD = """À partir de lundi, la route départementale 437 sera coupée entre Maîche et Damprichard dans les deux sens. Les équipes du Département y reprendront un mur de soutènement fragilisé par les pluies de janvier. Une déviation de dix-huit kilomètres passera par Charquemont. Les cars scolaires partiront un quart d'heure plus tôt, et le marché du vendredi est maintenu, indique la mairie de Maîche."""
FIRM = """Le tribunal de commerce de Vesoul a retenu mardi l'offre du groupe alsacien Kessler pour reprendre la fonderie Bourgeois, placée en redressement judiciaire depuis octobre. Sur les 96 salariés, 71 conserveront leur emploi. Le repreneur promet d'investir trois millions d'euros en deux ans dans un nouveau four électrique. Les syndicats, qui soutenaient un projet concurrent, disent leur déception mais saluent la fin de l'incertitude."""
OPEN_AIR = """Le festival des Trois Fontaines annonce une programmation resserrée pour sa douzième édition. Vingt-deux concerts seront donnés du 4 au 7 juillet dans le parc du château de Joux, contre trente l'an passé. La chanteuse Élodie Marchant ouvrira la première soirée avec un orchestre de jeunes musiciens venus de toute la région. Les organisateurs expliquent ce choix par la hausse du prix des cachets et par la baisse des aides publiques. Les billets sont en vente depuis ce matin."""
SCHOOL = """Two village schools in the Loue valley will share a head teacher from September under a plan approved by the council on Thursday. The schools at Lods and Vuillafans have 61 pupils between them and feared the loss of a class. Parents will be able to follow the work of a joint committee, which meets for the first time on 12 May. No building will close, the mayor of Lods, Pauline Girard, told a crowded meeting."""
BRIDGE = """Die alte Eisenbrücke über den Doubs wird im Herbst für sechs Monate gesperrt. Fachleute haben bei der letzten Prüfung Risse in zwei Pfeilern entdeckt, wie der Kanton am Mittwoch mitteilte. Fußgänger können den Fluss weiterhin auf einem provisorischen Steg überqueren, Autos müssen einen Umweg von elf Kilometern über Goumois fahren. Die Arbeiten kosten 1,9 Millionen Franken und werden im März beendet sein."""

POOL_ITEM = item("La piscine de Morteau fermée dix semaines pour changer de chaudière", POOL)
ROAD_ITEM = item("La RD 437 coupée entre Maîche et Damprichard", ROAD)
FIRM_ITEM = item("La fonderie Bourgeois reprise par le groupe Kessler", FIRM)
OPEN_AIR_ITEM = item("Trois Fontaines : moins de concerts mais une belle affiche", OPEN_AIR)
LONG_ITEM = item("Morteau : piscine fermée, route coupée, ce qui change au printemps", f"{POOL} {ROAD}")
SCHOOL_ITEM = item("Two village schools to share a head teacher", SCHOOL)
BRIDGE_ITEM = item("Eisenbrücke über den Doubs wird gesperrt", BRIDGE)


def sentences(text: str, *numbers: int) -> str:
    parts = text.rstrip(".").split(". ")
    return ". ".join(parts[number] for number in numbers) + "."


def again(of: Item, title: str = "", text: str = "", source: str = OTHER, later: timedelta = 3 * HOUR) -> Item:
    """The same as another source tells it, hours later."""
    return item(title or of.title, text or of.text, source, (of.published.at or NOW) + later)


def swapped(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


SAME = {
    "the very same": (FIRM_ITEM, again(FIRM_ITEM)),
    "the very same, four days later": (FIRM_ITEM, again(FIRM_ITEM, later=4 * DAY)),
    "another title": (POOL_ITEM, again(POOL_ITEM, "Morteau : pas de bassin jusqu'à l'été")),
    "another title in German": (BRIDGE_ITEM, again(BRIDGE_ITEM, "Risse in zwei Pfeilern: Umweg über Goumois nötig")),
    "another title in English": (SCHOOL_ITEM, again(SCHOOL_ITEM, "Lods and Vuillafans: one head for 61 pupils")),
    "a text cut at its end": (POOL_ITEM, again(POOL_ITEM, "Morteau : la piscine ferme en avril", sentences(POOL, 0, 1))),
    "a text without its middle": (FIRM_ITEM, again(FIRM_ITEM, text=sentences(FIRM, 0, 1, 3))),
    "an excerpt broken off": (OPEN_AIR_ITEM, again(OPEN_AIR_ITEM, text=OPEN_AIR[:210] + "…")),
    "half of it told in the outlet's own words": (
        POOL_ITEM,
        again(POOL_ITEM, "Morteau : la piscine fermée pour changer la chaudière", f"{sentences(POOL, 0, 1)} Les maîtres-nageurs, eux, iront prêter main-forte à leurs collègues. Plusieurs parents s'inquiètent du trajet, trop long à leur goût pour des petits de maternelle."),
    ),
    "sentences in another order": (POOL_ITEM, again(POOL_ITEM, text=sentences(POOL, 0, 3, 1, 2, 4))),
    "a communiqué's label": (POOL_ITEM, again(POOL_ITEM, "(Communiqué) Fermeture de la piscine de Morteau", f"(Communiqué de presse) {POOL}")),
    "a by-line before it": (FIRM_ITEM, again(FIRM_ITEM, text=f"Par Jeanne Morel. {FIRM}")),
    "a stamp before it": (ROAD_ITEM, again(ROAD_ITEM, text=f"Publié le 11/02/2026 à 18h30. {ROAD}")),
    "two stamps before it": (ROAD_ITEM, again(ROAD_ITEM, text=f"Publié le 11 février 2026 à 18:30. Mis à jour le 12/02/2026 à 7h. {ROAD}")),
    "an agency's dateline": (FIRM_ITEM, again(FIRM_ITEM, text=f"Vesoul, 11 février (AFP) - {FIRM}")),
    "an agency's signature": (FIRM_ITEM, again(FIRM_ITEM, text=f"{FIRM} (avec AFP)")),
    "a German dateline": (BRIDGE_ITEM, again(BRIDGE_ITEM, text=f"Delsberg (dpa) – {BRIDGE}")),
    "a German by-line and stamp": (BRIDGE_ITEM, again(BRIDGE_ITEM, text=f"Von Anna Keller. Veröffentlicht am 11.02.2026 um 9:15. {BRIDGE}")),
    "an English by-line": (SCHOOL_ITEM, again(SCHOOL_ITEM, text=f"By Mary Holt. {SCHOOL} (Reuters)")),
    "other apostrophes": (POOL_ITEM, again(POOL_ITEM, text=POOL.replace("'", "’"))),
    "no accents": (OPEN_AIR_ITEM, again(OPEN_AIR_ITEM, text=OPEN_AIR.replace("é", "e").replace("è", "e").replace("â", "a"))),
    "other quotation marks": (item("Le maire promet un marché couvert", f"« {ROAD} »"), item("Le maire promet un marché couvert", f"“{ROAD}”", OTHER)),
    "a title in capitals": (FIRM_ITEM, again(FIRM_ITEM, FIRM_ITEM.title.upper())),
    "a corrected typo": (FIRM_ITEM, again(FIRM_ITEM, text=swapped(FIRM, ("repreneur", "repreneeur")))),
    "a misspelt name": (FIRM_ITEM, again(FIRM_ITEM, text=swapped(FIRM, ("Kessler", "Keßler")))),
    "a corrected figure in a long text": (LONG_ITEM, again(LONG_ITEM, text=swapped(LONG_ITEM.text, ("480 000", "490 000")))),
    "an acronym for a name": (
        item("Besançon : la liste du Rassemblement national sera conduite par Luc Faivre", "Le Rassemblement national a présenté lundi à Besançon sa liste pour les élections de mars. Elle sera conduite par Luc Faivre, un ancien chef d'entreprise de 52 ans. Le Rassemblement national veut geler les impôts locaux et armer la police municipale."),
        item("Besançon : la liste du RN sera conduite par Luc Faivre", "Le RN a présenté lundi à Besançon sa liste pour les élections de mars. Elle sera conduite par Luc Faivre, un ancien chef d'entreprise de 52 ans. Le RN veut geler les impôts locaux et armer la police municipale.", OTHER),
    ),
    "a local sentence before it": (ROAD_ITEM, again(ROAD_ITEM, "La RD 437 fermée entre Maîche et Damprichard", f"Les frontaliers devront s'armer de patience. {ROAD}")),
    "a lead of each outlet's own": (
        OPEN_AIR_ITEM,
        again(OPEN_AIR_ITEM, "Festival des Trois Fontaines : vingt-deux concerts au château de Joux", f"Moins d'argent, moins de scènes : l'affiche de l'été est connue. {sentences(OPEN_AIR, 1, 2, 3, 4)}"),
    ),
    "the lead alone against the rest": (
        item("Un incendie détruit la scierie Vuillemin à Levier, huit employés au chômage", "Le feu s'est déclaré peu après minuit."),
        item("Un incendie détruit la scierie Vuillemin à Levier, huit employés au chômage", "Trente pompiers ont lutté jusqu'à l'aube. Le bâtiment principal n'est plus que cendres et le patron songe à s'arrêter.", OTHER),
    ),
    "the outlet's name behind a title": (
        item("Un incendie détruit la scierie Vuillemin à Levier, huit employés au chômage", "Le feu s'est déclaré peu après minuit."),
        item("Un incendie détruit la scierie Vuillemin à Levier, huit employés au chômage - Jura Hebdo", "Une enquête est ouverte.", OTHER),
    ),
    "an update at a new address": (FIRM_ITEM, again(FIRM_ITEM, text=f"{FIRM} Le maire se dit soulagé.", source=ONE)),
    "the same again at a new address": (FIRM_ITEM, again(FIRM_ITEM, source=ONE)),
    "two versions dated to the same second": (
        item("Feu à Levier : la scierie détruite", "Le feu a pris peu après minuit. Trente pompiers sont sur place."),
        item("Feu à Levier : la scierie est détruite, huit emplois menacés", "Le patron songe à s'arrêter après une telle nuit."),
    ),
    "one issue of the weather in two outlets": (
        item("Météo : pluie et vent sur Dole ce mardi", "Bulletin de Dole pour mardi 10 février. Pluie faible le matin, rafales de 70 km/h, 8 degrés au plus doux de l'après-midi."),
        item("Météo : pluie et vent sur Dole ce mardi", "Bulletin de Dole pour mardi 10 février. Pluie faible le matin, rafales de 70 km/h, 8 degrés au plus doux de l'après-midi.", OTHER),
    ),
}  # fmt: skip


def weather(town: str, day: str, rain: str, source: str = ONE, at: datetime = NOW) -> Item:
    text = f"Prévisions pour {town} et ses environs, {day} février. Le matin, le ciel sera couvert avec {rain}. L'après-midi, quelques éclaircies sont attendues et le vent restera faible. La nuit suivante sera fraîche, avec des brumes dans les vallées."
    return item(f"Météo : le temps à {town}", text, source, at)


def water(town: str, source: str = ONE, day: str = "mardi 10", hours: str = "8 h à 12 h") -> Item:
    text = f"Le service des eaux informe les habitants de {town} que l'alimentation sera interrompue {day} février de {hours} en raison de travaux sur le réseau. Il est conseillé de faire une réserve et de fermer les robinets avant de partir."
    return item(f"{town} : coupure d'eau {day} février", text, source)


def job(post: str, firm: str, town: str, source: str = ONE) -> Item:
    text = f"{firm} recrute {post} à {town}. Contrat à durée indéterminée, temps plein, salaire selon expérience. Merci d'adresser une lettre de motivation et un curriculum vitae avant la fin du mois. Débutants acceptés, formation assurée en interne."
    return item(f"Offre d'emploi : {post} à {town}", text, source)


def poll(question: str, source: str = ONE, at: datetime = NOW) -> Item:
    text = f"C'est la question du jour : {question} Donnez votre avis en votant ci-dessous, les résultats seront publiés demain matin dans nos colonnes et sur notre site."
    return item(f"Sondage. {question}", text, source, at)


def match(home: str, guest: str, score: str, scorer: str, source: str = ONE) -> Item:
    text = f"{home} recevait {guest} samedi soir pour le compte de la championnat régional. Au terme d'une rencontre disputée, le score est de {score}. {scorer} a ouvert la marque avant la pause. Le public était venu nombreux malgré le froid."
    return item(f"Football : {home} - {guest}, le résumé", text, source)


BACKGROUND = "Pour mémoire, le site de Fraisans a été fermé en 2011 après la faillite de son dernier exploitant, qui employait alors 240 personnes, et la commune a racheté les bâtiments pour un euro symbolique quatre ans plus tard."
BLURB = "Pour ne rien manquer de l'actualité de votre commune, inscrivez-vous gratuitement à la newsletter du Doubs Matin, envoyée chaque soir à 18 heures à plus de 12 000 lecteurs."
EPISODE = "Chaque matin, Claire Aubry reçoit une personnalité de la région pour parler de son parcours, de ses lectures et de ses coups de cœur. Une émission de Radio Citadelle, réalisée par Paul Vernier."
AGENDA = "Au programme ce matin : les titres de l'actualité, la chronique de notre invité, la revue de presse et le temps qu'il fera sur toute la région, avec toute l'équipe de la rédaction."
LONG_LEAD = {
    "walls": "Les murs de l'ancienne forge serviront bientôt de décor à un film. L'équipe de la réalisatrice Nadia Bellamy s'y installera trois semaines au printemps, avec une centaine de figurants choisis parmi les habitants. Le tournage racontera la vie d'une famille de métallurgistes au début du siècle dernier. Des costumes sont cousus par un atelier de Dole.",
    "soil": "Des prélèvements de terre ont commencé cette semaine autour de la halle. Le bureau d'études mandaté par la préfecture cherche des traces de métaux lourds, après la plainte d'un pêcheur. Les résultats seront connus dans deux mois, et l'accès aux berges est interdit jusque-là. La mairie assure que l'eau du réseau n'est pas en cause et distribue des bouteilles aux familles.",
}  # fmt: skip


def collection(day: int, source: str = ONE, at: datetime = NOW) -> Item:
    text = f"Les donneurs de sang sont attendus le {day} février à la salle des fêtes de Levier, de 15 h 30 à 19 h 30, munis d'une pièce d'identité, après un repas léger et en buvant beaucoup d'eau. Une collation sera servie par les bénévoles de l'amicale du plateau, qui remercient d'avance la population. Le nombre de dons baisse chaque hiver alors que les besoins des hôpitaux de Besançon, Dole, Pontarlier et Vesoul restent les mêmes, rappelle l'établissement qui organise la tournée. Toute personne en bonne santé peut donner à partir de 18 ans, plusieurs fois dans l'année, sans autre formalité qu'un entretien avec un médecin."
    return item("Collecte de sang à la salle des fêtes, les bénévoles vous attendent nombreux", text, source, at)


def episode(number: int, source: str = ONE, at: datetime = NOW) -> Item:
    media = (Enclosure(f"https://doubs.example/audio/{number}.mp3", "audio/mpeg"),)
    return item("L'invité du matin", EPISODE, source, at, enclosures=media)


APART = {
    "the weather of two towns": (weather("Dole", "mardi 10", "de petites averses"), weather("Lure", "mardi 10", "de petites averses", OTHER)),
    "the weather of two days": (weather("Dole", "mardi 10", "de petites averses"), weather("Dole", "mercredi 11", "de petites averses", at=NOW + DAY)),
    "the weather of two days in two outlets": (weather("Dole", "mardi 10", "de la pluie"), weather("Dole", "mercredi 11", "de la neige", OTHER)),
    "water cuts of two towns": (water("Ornans"), water("Quingey")),
    "water cuts of two towns in two outlets": (water("Ornans"), water("Quingey", OTHER)),
    "water cuts of two days in one town": (water("Ornans"), water("Ornans", OTHER, "jeudi 12")),
    "job adverts of two firms": (job("un soudeur", "Thiébaud", "Maîche"), job("une comptable", "Kessler", "Vesoul", OTHER)),
    "one job in two towns": (job("un soudeur", "Thiébaud", "Maîche"), job("un soudeur", "Thiébaud", "Vesoul")),
    "two polls": (poll("Faut-il interdire les feux d'artifice ?"), poll("Êtes-vous favorable au péage urbain ?", at=NOW + DAY)),
    "two polls in two outlets": (poll("Faut-il interdire les feux d'artifice ?"), poll("Êtes-vous favorable au péage urbain ?", OTHER)),
    "two match reports": (match("Dole", "Gray", "2 à 1", "Benoît Rey"), match("Lure", "Vesoul", "0 à 3", "Ismaël Diop", OTHER)),
    "one team's two matches": (match("Dole", "Gray", "2 à 1", "Benoît Rey"), match("Dole", "Vesoul", "0 à 3", "Benoît Rey", OTHER)),
    "a paragraph of background deep in both": (
        item("Un film tourné dans l'ancienne forge de Fraisans", f"{LONG_LEAD['walls']} {BACKGROUND}"),
        item("Pollution : des sondages autour de la halle", f"{LONG_LEAD['soil']} {BACKGROUND}", OTHER),
    ),
    "a paragraph of background deep in two of one outlet": (
        item("Un film tourné dans l'ancienne forge de Fraisans", f"{LONG_LEAD['walls']} {BACKGROUND}"),
        item("Pollution : des sondages autour de la forge de Fraisans", f"{LONG_LEAD['soil']} {BACKGROUND}", at=NOW + HOUR),
    ),
    "an outlet's own report with the release further down": (
        item("La piscine de Morteau fermera dix semaines", sentences(POOL, 0, 2)),
        item("À Pontarlier, les nageurs redoutent la foule", f"{LONG_LEAD['soil']} {sentences(POOL, 0, 2)}", OTHER),
    ),
    "two notices that name nothing": (
        item("Animal perdu, ses maîtres le cherchent partout", "Perdu depuis hier soir un chat gris au collier rouge dans le quartier de la gare, il répond au nom de minou et boite un peu. Toute personne qui l'aurait aperçu peut appeler la rédaction, une récompense est offerte."),
        item("Animal perdu, ses maîtres le cherchent partout", "Perdu depuis ce matin un chien noir au collier vert dans le quartier de la cathédrale, il répond au nom de médor et boite un peu. Toute personne qui l'aurait aperçu peut joindre la rédaction, une récompense est offerte.", OTHER),
    ),
    "two portraits that begin with the same news": (
        item("Trente ans de four pour Nadia Roy", f"{sentences(FIRM, 0, 1)} L'ouvrière la plus ancienne raconte ses débuts, la chaleur des premiers étés, les copains partis trop tôt et les fêtes d'antan."),
        item("Comment Luc Petit a tenu sa promesse", f"{sentences(FIRM, 0, 1)} L'avocat des créanciers dévoile les coulisses de la négociation, menée en secret à Mulhouse pendant deux longs mois.", OTHER),
    ),
    "episodes with the same words and other media": (episode(1), episode(2, at=NOW + 2 * HOUR)),
    "episodes of two days with the same words": (episode(1), episode(2, at=NOW + DAY)),
    "a daily programme with the same words": (item("La matinale", AGENDA), item("La matinale", AGENDA, at=NOW + DAY)),
    "numbered instalments": (
        item("Sur les traces des contrebandiers (1/4)", "Notre série d'été remonte les sentiers du Haut-Doubs, où passaient jadis le tabac et la poudre. Aujourd'hui, la grotte du Trésor, près de Villers-le-Lac."),
        item("Sur les traces des contrebandiers (2/4)", "Notre série d'été remonte les sentiers du Haut-Doubs, où passaient jadis le tabac et la poudre. Aujourd'hui, les échelles de la Mort, près de Charquemont.", at=NOW + 10 * HOUR),
    ),
    "numbered instalments in two outlets": (
        item("Sur les traces des contrebandiers (1/4)", f"Notre série d'été remonte les sentiers du Haut-Doubs, où passaient jadis le tabac et la poudre. {sentences(OPEN_AIR, 1, 2)}"),
        item("Sur les traces des contrebandiers (2/4)", f"Notre série d'été remonte les sentiers du Haut-Doubs, où passaient jadis le tabac et la poudre. {sentences(FIRM, 1, 2)}", OTHER),
    ),
    "two accidents on one road": (
        item("Accident à Valdahon : un blessé grave", "Une collision s'est produite ce lundi vers 7 h 30 sur la RN57 à hauteur de Valdahon. Un homme de 34 ans a été transporté à l'hôpital de Besançon dans un état grave. La circulation a été coupée pendant deux heures."),
        item("Accident à Étalans : un blessé grave", "Une collision s'est produite ce lundi vers 18 h 15 sur la RN57 à hauteur de Étalans. Un homme de 61 ans a été transporté à l'hôpital de Besançon dans un état grave. La circulation a été coupée pendant deux heures.", OTHER),
    ),
    "two death notices": (
        item("Nécrologie. Mme Simone Pernet", "On nous prie d'annoncer le décès de Simone Pernet, survenu à l'âge de 91 ans. La cérémonie aura lieu vendredi à 14 h 30 en l'église de Levier. Ni fleurs ni couronnes. Nos condoléances à la famille."),
        item("Nécrologie. M. Gaston Billod", "On nous prie d'annoncer le décès de Gaston Billod, survenu à l'âge de 84 ans. La cérémonie aura lieu samedi à 10 h en l'église de Mouthe. Ni fleurs ni couronnes. Nos condoléances à la famille.", OTHER),
    ),
    "two alerts of one prefecture": (
        item("Vigilance orange pour le Doubs", "Le préfet appelle à la prudence : le département du Doubs est placé en vigilance orange pour la neige de mardi 6 h à mercredi 12 h. Évitez de vous déplacer et tenez-vous informés."),
        item("Vigilance orange pour le Jura", "Le préfet appelle à la prudence : le département du Jura est placé en vigilance orange pour le verglas de jeudi 4 h à jeudi 18 h. Évitez de vous déplacer et tenez-vous informés.", OTHER),
    ),
    "road works of two places in German": (
        item("Baustelle in Goumois", "Wegen Bauarbeiten ist die Hauptstraße in Goumois von Montag bis Freitag gesperrt. Der Verkehr wird über Saignelégier umgeleitet. Anwohner können jederzeit zufahren, teilt die Gemeinde mit."),
        item("Baustelle in Porrentruy", "Wegen Bauarbeiten ist die Hauptstraße in Porrentruy von Dienstag bis Samstag gesperrt. Der Verkehr wird über Courgenay umgeleitet. Anwohner können jederzeit zufahren, teilt die Gemeinde mit.", OTHER),
    ),
    "planning notices of two parishes in English": (
        item("Planning notice: Millbrook", "An application has been made to build 12 homes off Church Lane in Millbrook. Comments must reach the council by 3 March. Plans can be seen at the town hall on weekdays."),
        item("Planning notice: Ashford", "An application has been made to build 40 homes off Mill Road in Ashford. Comments must reach the council by 17 April. Plans can be seen at the town hall on weekdays.", OTHER),
    ),
    "one event told in two ways": (
        FIRM_ITEM,
        item("Bourgeois sauvée, mais vingt-cinq emplois disparaissent", "Soulagement mêlé d'amertume à Vesoul. La fonderie échappe à la fermeture, un industriel de Mulhouse la reprend. Vingt-cinq ouvriers recevront leur lettre dans les prochains jours.", OTHER),
    ),
    "the same text beyond the window": (FIRM_ITEM, again(FIRM_ITEM, later=8 * DAY)),
    "the same text under another title after days": (POOL_ITEM, again(POOL_ITEM, "Morteau : bassin vide", later=5 * DAY)),
    "the same title over two texts that contradict": (
        item("Un conducteur de 23 ans meurt dans un accident près de Levier", "Le drame s'est noué lundi vers 5 h 20 sur la RD 72, quand une Clio a heurté un arbre. Originaire de Salins, il rentrait du travail."),
        item("Un conducteur de 23 ans meurt dans un accident près de Levier", "Le drame s'est noué jeudi vers 23 h 10 sur la RD 9, quand une Golf a heurté un mur. Originaire de Mouthe, il rentrait du travail.", OTHER),
    ),
    "a short text word for word the same but for a figure": (POOL_ITEM, again(POOL_ITEM, text=swapped(POOL, ("480 000", "490 000")))),
    "short titles alone": (item("Faits divers", "Un vol à Gray."), item("Faits divers", "Un feu à Lure.", OTHER)),
    "empty items": (item("", ""), item("", "", OTHER)),
}  # fmt: skip


@pytest.mark.parametrize("pair", SAME.values(), ids=list(SAME))
def test_two_versions_of_one_text_are_linked_whichever_came_first(pair: tuple[Item, Item]) -> None:
    one, other = pair
    ours, theirs = found(one, other), found(other, one)
    assert ours and theirs
    assert ours.level is Level.TEXT and ours.score == theirs.score > 0
    assert ours.evidence.agreeing == theirs.evidence.agreeing


@pytest.mark.parametrize("pair", APART.values(), ids=list(APART))
def test_different_news_are_not_linked_whichever_came_first(pair: tuple[Item, Item]) -> None:
    one, other = pair
    assert found(one, other) is found(other, one) is None


# ── where they come from


def test_two_briefs_of_one_second_that_stand_in_one_document_are_no_versions() -> None:
    one, other = SAME["two versions dated to the same second"]
    assert found(one, other)
    subject = looked(one, [other], beside=frozenset({other.guid}))
    assert same_texts(subject) == ()


def test_what_an_import_dates_to_one_second_is_no_version() -> None:
    one, other = SAME["two versions dated to the same second"]
    assert same_texts(looked(one, [other], dated_alike=2))
    assert same_texts(looked(one, [other], dated_alike=3)) == ()
    crowd = [item(f"Levier, brève {number}", ROAD) for number in range(2)]
    assert found(one, other, *crowd) is None


def test_versions_of_one_second_need_not_have_the_same_title_where_the_text_is_the_same() -> None:
    one, other = item("Le bassin de Morteau", POOL), item("Dix semaines à sec", POOL)
    assert found(one, other)


def test_what_one_source_dates_to_the_same_second_may_still_be_two_news() -> None:
    assert found(water("Ornans"), water("Quingey")) is None
    assert found(item("Vol à Gray", ROAD), item("Feu à Lure", FIRM)) is None


def test_an_item_without_a_date_is_compared_by_when_it_was_first_seen() -> None:
    one, other = item(FIRM_ITEM.title, FIRM, at=None), again(FIRM_ITEM)
    assert found(one, other) and found(other, one)
    versions = item("Le bassin de Morteau", POOL, at=None), item("Dix semaines à sec", POOL, at=None)
    assert found(*versions) is None  # nobody dates them to the same second


def test_one_source_s_items_with_other_media_are_never_one_text_but_two_sources_may_be() -> None:
    assert found(episode(1), episode(2)) is None
    assert found(episode(1), episode(1))
    assert found(replace(FIRM_ITEM, enclosures=(Enclosure("https://doubs.example/1.mp3"),)), again(FIRM_ITEM))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (again(FIRM_ITEM, text=f"{FIRM} Le maire se dit soulagé.", source=ONE, later=21 * HOUR), "a day later"),
        (again(FIRM_ITEM, "Les salariés de Kessler votent la grève", source=ONE), "a follow-up with another title"),
        (again(FIRM_ITEM, text=f"{sentences(FIRM, 0)} {LONG_LEAD['soil']}", source=ONE), "most of the text is new"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_update_of_a_source_s_item(other: Item, why: str) -> None:
    assert found(FIRM_ITEM, other) is found(other, FIRM_ITEM) is None


def test_what_two_items_of_a_source_share_further_down_makes_none_the_update_of_the_other() -> None:
    leads = "Les salariés l'ont appris hier soir par un courriel de la direction, à la veille du week-end.", (
        "Une foule silencieuse s'est rassemblée ce matin devant les grilles, dans le froid et sous la pluie."
    )  # fmt: skip
    one, other = (item(FIRM_ITEM.title, f"{lead} {FIRM}", at=NOW + hours * HOUR) for hours, lead in enumerate(leads))
    assert found(one, other) is None
    assert found(one, again(other)) is not None  # two sources may have had the same release


def test_at_the_link_of_a_series_the_same_title_over_half_the_text_is_one_issue_in_which_nothing_was_swapped() -> None:
    one = item("Le journal du matin", sentences(POOL, 0, 1, 3))
    assert not another_issue(one, item(one.title, sentences(POOL, 0, 1, 2), at=NOW + 7 * HOUR))
    assert another_issue(
        one, item(one.title, swapped(sentences(POOL, 0, 1, 2), ("14 avril", "15 mai")), at=NOW + 7 * HOUR)
    )
    assert another_issue(one, item("Le journal du soir", sentences(POOL, 0, 1, 2), at=NOW + 7 * HOUR))


# ── evidence


def test_a_link_says_what_both_texts_have_and_quotes_it_as_the_item_spells_it() -> None:
    other = again(POOL_ITEM, "Fermeture à Morteau", swapped(sentences(POOL, 0, 1, 2), ("La piscine", "Le bassin")))
    link = found(other, POOL_ITEM)
    assert link and link.evidence.shared > 0.9 and link.evidence.words == len(make_print(other).body.split())
    assert (
        link.evidence.quote.startswith("intercommunale de morteau fermera") and len(link.evidence.quote.split()) == 20
    )
    assert {"morteau", "14", "juin"} <= set(link.evidence.agreeing) and link.evidence.differing == ()
    assert (link.item, link.other, link.rule) == (other.key, POOL_ITEM.key, "same-text/1")
    spelt = same_texts(looked(other, [POOL_ITEM]), lambda run: " ".join(run).upper())[0]
    assert spelt.evidence.quote == link.evidence.quote.upper()


def test_a_link_names_what_differs() -> None:
    link = found(*SAME["a corrected figure in a long text"])
    assert link and link.evidence.differing == ("480 / 490",)


def test_the_surest_link_stands_first() -> None:
    excerpt, whole = (
        again(POOL_ITEM, text=swapped(POOL, ("les clubs", "tous les clubs"))),
        again(POOL_ITEM, source=THIRD),
    )
    links = same_texts(looked(POOL_ITEM, [excerpt, whole]))
    assert [link.other for link in links] == [whole.key, excerpt.key] and links[0].score > links[1].score


# ── routine


def said(source: str, text: str, at: datetime = NOW) -> Told:
    return Told(source, at, Words(make_print(item("", text, source, at))))


def repeated(text: Told, *others: Told) -> bool:
    found_ = routine(text, others)
    assert found_ in (frozenset(), text.words.shingles)
    return bool(found_)


def test_what_one_source_says_again_and_again_is_routine() -> None:
    minutes = [NOW + timedelta(minutes=number) for number in range(3)]
    first, second, third = (said(ONE, BLURB, at) for at in minutes)
    assert not repeated(first, second)
    assert repeated(first, second, third)


def test_what_many_sources_print_within_days_is_not_routine() -> None:
    assert not repeated(said(ONE, FIRM), *(said(source, FIRM) for source in (OTHER, THIRD, FOURTH)))


def test_what_was_said_days_before_by_two_is_routine() -> None:
    weeks = [said(source, AGENDA, NOW - 4 * DAY) for source in (OTHER, THIRD)]
    assert repeated(said(ONE, AGENDA), *weeks)
    assert not repeated(said(ONE, AGENDA), weeks[0])


def test_versions_of_one_item_dated_to_one_second_say_it_once() -> None:
    assert not repeated(said(ONE, BLURB), *(said(ONE, BLURB) for _ in range(3)))


def test_an_invitation_that_all_items_of_one_outlet_end_with_joins_nothing() -> None:
    one = item("Vol de cuivre à Gray", f"Un vol à Gray. {BLURB}")
    other = item("Bal des pompiers à Lure", f"Un bal à Lure. {BLURB}", OTHER)
    others = [item(f"Brève {n}", f"Rien. {BLURB}", ONE, NOW + n * HOUR) for n in (1, 2)]
    assert found(one, other, *others) is found(other, one, *others) is None


def test_a_mould_that_is_known_keeps_apart_what_alone_would_pass_for_one_text() -> None:
    one, other = collection(9), collection(17, OTHER)
    moulds = [collection(20 + number, ONE, NOW + number * HOUR) for number in range(1, 4)]
    assert reviewed(one, other) is not None
    assert reviewed(one, other, *moulds) is None


def test_an_issue_of_a_known_series_is_one_text_only_where_all_agrees() -> None:
    one = weather("Dole", "mardi 10", "de petites averses de 3 mm, 12 degrés")
    moulds = [
        weather(town, "mardi 10", "du soleil", at=NOW + hours * HOUR)
        for hours, town in enumerate(("Lure", "Gray", "Lons"), 1)
    ]
    title = "Le temps de mardi 10 février à Dole"
    same = (
        replace(one, title=title),
        replace(weather("Dole", "mardi 10", "de petites averses de 3 mm, 12 degrés", OTHER), title=title),
    )
    link = reviewed(*same, *moulds)
    assert link and link.evidence.routine >= 0.5
    for change in (("3 mm", "5 mm"), ("mardi", "mercredi"), ("averses", "bruines")):
        other = replace(same[1], text=swapped(same[1].text, change))
        assert reviewed(same[0], other, *moulds) is None
    late = replace(same[1], published=date(NOW + 37 * HOUR))
    assert reviewed(same[0], late, *moulds) is None
    for retitled in ("Météo", "Chutes de pierres annoncées dimanche sur les routes"):
        assert reviewed(same[0], replace(same[1], title=retitled), *moulds) is None


# ── what holds for all

VOCABULARY = sorted({word for text in (POOL, ROAD, FIRM, OPEN_AIR, SCHOOL, BRIDGE) for word in text.split()})
texts = st.lists(st.sampled_from(VOCABULARY), min_size=20, max_size=120).map(" ".join)
titles = st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join)


@st.composite
def likenesses(draw: st.DrawFn) -> tuple[Words, Words]:
    """Two items that have much in common, mostly."""
    text, title = draw(texts), draw(titles)
    words = text.split()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(words)))
        words[at : at + draw(st.integers(0, 6))] = draw(st.lists(st.sampled_from(VOCABULARY), max_size=4))
    retitled = draw(st.one_of(st.just(title), titles))
    return Words(make_print(item(title, text))), Words(make_print(item(retitled, " ".join(words))))


@given(texts, titles)
def test_the_very_same_in_two_sources_is_always_linked_within_days(text: str, title: str) -> None:
    one = item(title, text)
    assume(len(Words(make_print(one)).shingles) >= 15)
    for later in (timedelta(), 2 * DAY, 3 * DAY):
        assert found(one, again(one, later=later)) and found(again(one, later=later), one)


@given(likenesses(), st.booleans(), st.booleans(), st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_nothing_is_one_text_beyond_the_window(
    pair: tuple[Words, Words], same_source: bool, dated_alike: bool, over: timedelta
) -> None:
    for routine_ in (frozenset(), pair[0].shingles):
        compared = compare(*pair, routine_)
        assert judge(compared, Origin(same_source, WINDOW + over, dated_alike)) is None


def test_titles_that_name_different_places_are_no_one_text_however_alike_the_texts_are() -> None:
    dole, gray = (
        Words(make_print(item(f"La piscine de {town} ferme au printemps", POOL))) for town in ("Dole", "Gray")
    )
    for same_source in (True, False):
        origin = Origin(same_source, HOUR, dated_alike=False)
        assert judge(compare(dole, dole), origin) and judge(compare(dole, gray), origin) is None


@settings(max_examples=200)
@given(likenesses(), st.booleans(), st.booleans(), st.sampled_from([0, 10, 30, 50, 100]))
def test_a_quick_look_never_passes_over_what_would_be_linked(
    pair: tuple[Words, Words], same_source: bool, dated_alike: bool, hours: int
) -> None:
    for routine_ in (frozenset(), frozenset(sorted(pair[0].shingles)[::2])):
        compared = compare(*pair, routine_)
        origin = Origin(same_source, hours * HOUR, dated_alike)
        if judge(compared, origin) is not None:
            assert may_be_linked(*pair, shares(*pair, routine_), origin)


@settings(max_examples=200)
@given(likenesses(), st.booleans(), st.sampled_from([0, 10, 30, 50, 100]))
def test_what_is_far_at_first_sight_would_never_be_linked(
    pair: tuple[Words, Words], same_source: bool, hours: int
) -> None:
    one, other = pair
    both = one.shingles & other.shingles
    for routine_ in (frozenset(), frozenset(sorted(both)[::2]), both):
        is_untitled = same_source or title_likeness(one, other) < TITLE
        if are_far(one, other, both, routine_) and is_untitled:
            origin = Origin(same_source, hours * HOUR, dated_alike=False)
            assert not may_be_linked(one, other, shares(one, other, routine_), origin)
            assert judge(compare(one, other, routine_), origin) is None
