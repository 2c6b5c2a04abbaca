"""The one incident in the sample data: what customers reported about the outage of 17 September.

Request ids, customers and times agree with the logs in `examples/incident`, so that a review of
tickets and logs has one true story to find.
"""

from dataclasses import dataclass

INCIDENT = "INC-2026-014"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One ticket that support tied to the incident."""

    customer_id: int
    opened_at: str
    resolved_at: str
    severity: str
    channel: str
    request_id: str
    failed_at: str
    """When the customer's attempt failed, as the checkout log has it."""
    subject: str
    body: str


REPORTS = (
    Report(
        customer_id=117,
        failed_at="2026-09-17T13:44:05Z",
        opened_at="2026-09-17T13:49:12Z",
        resolved_at="2026-09-17T15:31:40Z",
        severity="high",
        channel="e-mail",
        request_id="req-7f3a91",
        subject="Checkout fails with CHK-503",
        body="Every time I press Pay, the page says CHK-503 and 'please try again'. The third try "
        "showed the reference req-7f3a91. My basket is still there.",
    ),
    Report(
        customer_id=205,
        failed_at="2026-09-17T13:51:33Z",
        opened_at="2026-09-17T13:55:47Z",
        resolved_at="2026-09-17T15:33:05Z",
        severity="high",
        channel="chat",
        request_id="req-80c2d4",
        subject="Payment page does not finish",
        body="The payment page turns for half a minute and then shows an error, reference "
        "req-80c2d4. Sometimes it works for my colleague, but never for me.",
    ),
    Report(
        customer_id=58,
        failed_at="2026-09-17T13:57:10Z",
        opened_at="2026-09-17T14:01:26Z",
        resolved_at="2026-09-17T15:34:18Z",
        severity="high",
        channel="phone",
        request_id="req-81be07",
        subject="Cannot place our quarterly order",
        body="We have to order before 16:00 because of our budget. Checkout stops with CHK-503, "
        "reference req-81be07. Is there another way to order?",
    ),
    Report(
        customer_id=311,
        failed_at="2026-09-17T14:00:48Z",
        opened_at="2026-09-17T14:04:33Z",
        resolved_at="2026-09-17T15:36:52Z",
        severity="normal",
        channel="e-mail",
        request_id="req-8209f3",
        subject="Error while paying, was I charged?",
        body="I got an error after entering my card (reference req-8209f3). Please tell me whether "
        "I was charged before I try again.",
    ),
    Report(
        customer_id=19,
        failed_at="2026-09-17T14:06:02Z",
        opened_at="2026-09-17T14:10:55Z",
        resolved_at="2026-09-17T15:38:20Z",
        severity="critical",
        channel="phone",
        request_id="req-8317aa",
        subject="Ordering is down for our whole office",
        body="None of our twelve buyers can check out since about 14:00 UTC. The last reference "
        "that we saw is req-8317aa. Before that, one in three attempts still went through.",
    ),
    Report(
        customer_id=172,
        failed_at="2026-09-17T14:11:27Z",
        opened_at="2026-09-17T14:15:41Z",
        resolved_at="2026-09-17T15:40:09Z",
        severity="high",
        channel="chat",
        request_id="req-83d65e",
        subject="CHK-503 on every attempt",
        body="Tried two browsers and a telephone. Always CHK-503, for example req-83d65e. "
        "Your status page says that everything is fine.",
    ),
    Report(
        customer_id=83,
        failed_at="2026-09-17T14:18:39Z",
        opened_at="2026-09-17T14:22:08Z",
        resolved_at="2026-09-17T15:41:37Z",
        severity="high",
        channel="e-mail",
        request_id="req-84b110",
        subject="Basket lost after the payment error",
        body="After the error req-84b110 my basket was empty on the second try. It took me an hour "
        "to put it together.",
    ),
    Report(
        customer_id=146,
        failed_at="2026-09-17T14:24:54Z",
        opened_at="2026-09-17T14:29:17Z",
        resolved_at="2026-09-17T15:43:50Z",
        severity="normal",
        channel="e-mail",
        request_id="req-8562c9",
        subject="Discount code runs out today",
        body="I cannot use my code because checkout does not work (req-8562c9). It runs out at "
        "midnight. Will you prolong it?",
    ),
    Report(
        customer_id=268,
        failed_at="2026-09-17T14:33:20Z",
        opened_at="2026-09-17T14:36:44Z",
        resolved_at="2026-09-17T15:45:12Z",
        severity="high",
        channel="chat",
        request_id="req-862f58",
        subject="Checkout unavailable for 45 minutes now",
        body="Since 13:50 UTC I cannot order. The newest reference is req-862f58. "
        "When will this be repaired?",
    ),
    Report(
        customer_id=7,
        failed_at="2026-09-17T14:41:06Z",
        opened_at="2026-09-17T14:45:59Z",
        resolved_at="2026-09-17T15:47:31Z",
        severity="normal",
        channel="e-mail",
        request_id="req-8701be",
        subject="Order not confirmed",
        body="No confirmation has arrived for my attempt at 14:41 UTC, only the error req-8701be. "
        "Was the order placed or not?",
    ),
    Report(
        customer_id=233,
        failed_at="2026-09-17T14:50:15Z",
        opened_at="2026-09-17T14:53:02Z",
        resolved_at="2026-09-17T15:49:26Z",
        severity="high",
        channel="phone",
        request_id="req-87d4e2",
        subject="Still CHK-503",
        body="Your chat told me at 14:40 that this would be repaired within minutes. It still "
        "fails at 14:50, reference req-87d4e2.",
    ),
    Report(
        customer_id=101,
        failed_at="2026-09-17T14:22:11Z",
        opened_at="2026-09-17T15:18:25Z",
        resolved_at="2026-09-18T09:12:44Z",
        severity="normal",
        channel="e-mail",
        request_id="req-851a7d",
        subject="What happened to checkout today?",
        body="We failed from 14:22 (req-851a7d) until after 14:55, and it works again now. Our "
        "auditors ask for a written explanation of the cause and of what you change.",
    ),
)

RESOLUTION = (
    "Checkout works again since 14:55 UTC; no card was charged for failed attempts. "
    "Cause: the certificate of the orders database had expired (INC-2026-014)."
)

ORDERS_OF_THE_DAY = (
    (33, "2026-09-17T13:34:20Z"),
    (288, "2026-09-17T13:37:52Z"),
    (12, "2026-09-17T13:43:12Z"),
    (264, "2026-09-17T13:47:29Z"),
    (91, "2026-09-17T13:53:41Z"),
    (19, "2026-09-17T13:58:30Z"),
    (160, "2026-09-17T14:03:55Z"),
    (117, "2026-09-17T15:02:41Z"),
    (205, "2026-09-17T15:06:13Z"),
    (58, "2026-09-17T15:11:30Z"),
)
"""Customer and time of the orders that went through: before, in its first part, and after it."""
