"""What the invented shop sells, and what its customers write to support."""

from dataclasses import dataclass

CATALOGUE = (
    ("DSK-100", "Standing desk Alto 120 cm", 48900),
    ("DSK-101", "Standing desk Alto 160 cm", 56900),
    ("DSK-110", "Writing desk Linden", 31900),
    ("DSK-120", "Corner desk Vale", 42900),
    ("CHR-200", "Task chair Pivot", 21900),
    ("CHR-201", "Task chair Pivot with headrest", 25900),
    ("CHR-210", "Meeting chair Lark, set of 2", 18900),
    ("CHR-220", "Saddle stool Perch", 14900),
    ("TBL-300", "Meeting table Round 120", 39900),
    ("TBL-301", "Meeting table Boat 240", 78900),
    ("TBL-310", "Side table Drum", 8900),
    ("STO-400", "Drawer unit Trio, lockable", 17900),
    ("STO-401", "Shelf Ladder, oak", 15900),
    ("STO-402", "Filing cabinet Slate", 24900),
    ("STO-403", "Coat stand Twig", 6900),
    ("LGT-500", "Desk lamp Heron", 7900),
    ("LGT-501", "Floor lamp Heron", 12900),
    ("LGT-502", "Light strip Glow, 2 m", 3900),
    ("ACC-600", "Cable tray, steel", 2900),
    ("ACC-601", "Monitor arm Single", 9900),
    ("ACC-602", "Monitor arm Double", 15900),
    ("ACC-603", "Footrest Rocker", 4900),
    ("ACC-604", "Desk mat, wool felt", 3400),
    ("ACC-605", "Laptop stand Fold", 5400),
    ("ACU-700", "Acoustic panel Moss, set of 4", 11900),
    ("ACU-701", "Desk screen Hush", 13900),
    ("PLN-800", "Planter Terra, large", 6400),
    ("WBD-900", "Whiteboard Glass 120 x 90", 18400),
)
"""Article number, name, price in euro cents."""

RATES = {"EUR": 100, "USD": 108, "GBP": 86, "SEK": 1130, "CAD": 148, "AUD": 164, "PLN": 430,
         "INR": 9000}  # fmt: skip
"""Units of a currency for 100 euros; fixed, invented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A kind of support ticket; `{order}`, `{item}`, `{city}` and `{name}` are filled in."""

    subject: str
    bodies: tuple[str, ...]
    resolution: str
    severities: tuple[tuple[str, int], ...]
    weight: int
    on_the_way: bool = False
    """True if customers write this before the order has arrived, False if after."""
    only: tuple[str, ...] = ()
    """Beginnings of the article numbers that the topic makes sense for; empty means all."""


_CALM = (("low", 5), ("normal", 4), ("high", 1))
_USUAL = (("low", 1), ("normal", 6), ("high", 3))
_HARD = (("normal", 3), ("high", 5), ("critical", 2))

TOPICS = (
    Topic(
        subject="Where is my order {order}?",
        bodies=(
            "The tracking page for order {order} has not changed for four days. "
            "We were told that {item} would reach us in {city} this week.",
            "Could you check order {order}? The carrier says that the label was made "
            "but that no parcel was handed over.",
        ),
        resolution="Carrier found the parcel at the depot and delivered it one working day later.",
        severities=_USUAL, weight=16, on_the_way=True,
    ),
    Topic(
        subject="Damaged on arrival: {item}",
        bodies=(
            "One corner of {item} from order {order} is crushed, and so is the box. "
            "I have photographs. Please send a replacement.",
            "{item} arrived with a deep scratch along the front. The packaging was fine, so it "
            "must have left the warehouse like this. Order {order}.",
        ),
        resolution="Replacement sent free of charge; the damaged piece was collected.",
        severities=_USUAL, weight=12,
    ),
    Topic(
        subject="Missing parts in order {order}",
        bodies=(
            "The bag with screws for {item} is missing, so we cannot put it together.",
            "We received two of the three parcels of order {order}. {item} is not complete.",
        ),
        resolution="Missing parts sent by express.",
        severities=_USUAL, weight=9, only=("DSK", "CHR", "TBL", "STO", "WBD"),
    ),
    Topic(
        subject="Wrong colour delivered",
        bodies=(
            "We ordered {item} in oak and got walnut. Order {order}. How do we exchange it?",
        ),
        resolution="Exchange arranged; return label sent.",
        severities=_CALM, weight=6, only=("DSK", "TBL", "STO"),
    ),
    Topic(
        subject="Invoice for order {order} needs our VAT number",
        bodies=(
            "Our bookkeeping refuses the invoice of order {order}, because our VAT number is not "
            "on it. Please issue it again.",
            "Please put the purchase order number on the invoice of {order}. "
            "Without it we are not allowed to pay.",
        ),
        resolution="Corrected invoice issued.",
        severities=_CALM, weight=10,
    ),
    Topic(
        subject="Return of {item}",
        bodies=(
            "{item} does not fit under our window. We would like to return it; it is unused and "
            "still packed. Order {order}.",
        ),
        resolution="Return accepted and refunded.",
        severities=_CALM, weight=8,
    ),
    Topic(
        subject="Refund not received",
        bodies=(
            "You confirmed the refund for order {order} two weeks ago, but our bank shows nothing.",
        ),
        resolution="Refund was sent again to the right account.",
        severities=_HARD, weight=6,
    ),
    Topic(
        subject="Assembly question: {item}",
        bodies=(
            "Step 7 of the instructions for {item} shows a bracket that is not in the box. "
            "Is it left out on purpose?",
            "How much weight can {item} carry? The data sheet and the label do not agree.",
        ),
        resolution="Answered with the current data sheet and instructions.",
        severities=_CALM, weight=9, only=("DSK", "CHR", "TBL", "STO", "WBD"),
    ),
    Topic(
        subject="Change of delivery address for {order}",
        bodies=(
            "We are moving to new rooms in {city}. Can order {order} still go to the new address?",
        ),
        resolution="Address changed before dispatch.",
        severities=_USUAL, weight=6, on_the_way=True,
    ),
    Topic(
        subject="Motor of {item} stops half way",
        bodies=(
            "{item} stops while moving up and shows E07. A restart helps for about an hour. "
            "Order {order}.",
        ),
        resolution="Control box replaced under warranty.",
        severities=_HARD, weight=5, only=("DSK-10",),
    ),
    Topic(
        subject="Quote for a larger quantity",
        bodies=(
            "We liked {item} from order {order} and need about twenty more for our rooms in "
            "{city}. What is your price and how long does delivery take?",
        ),
        resolution="Quote sent by the account manager.",
        severities=_CALM, weight=6,
    ),
    Topic(
        subject="Cannot sign in to my account",
        bodies=(
            "The link to set a new password arrives after it has expired. I need the invoice of "
            "order {order}.",
            "Sign-in worked yesterday. Today it says that my account is locked.",
        ),
        resolution="Account unlocked and a new link sent.",
        severities=_USUAL, weight=7,
    ),
)  # fmt: skip
