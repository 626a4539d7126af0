"""Every page and form of webhooks, events and the worker's jobs, with the least role of each."""

from hashrail.pages.console import events, jobs, webhooks
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, View

WEBHOOK = f"{ROOT}/webhooks/{{partner:int}}/{{webhook:int}}"
DELIVERY = f"{WEBHOOK}/deliveries/{{position:int}}"

VIEWS = (
    View(f"{ROOT}/webhooks", "webhooks", "viewer", webhooks.listed),
    View(WEBHOOK, "webhook", "viewer", webhooks.one),
    View(DELIVERY, "delivery", "support", webhooks.delivery),
    View(f"{ROOT}/events", "events", "support", events.listed),
    View(f"{ROOT}/events/{{partner:int}}/{{event:int}}", "event", "support", events.one),
    View(f"{ROOT}/jobs", "jobs", "viewer", jobs.listed),
)
FORMS = (
    Form(
        *(f"{WEBHOOK}/disable", "disable_webhook", "webhook disable", webhooks.ask_to_disable, webhooks.disable),
        grave=True,
    ),
    Form(f"{WEBHOOK}/enable", "enable_webhook", "webhook enable", webhooks.ask_to_enable, webhooks.enable),
    Form(f"{WEBHOOK}/test", "try_webhook", "webhook test", webhooks.ask_to_test, webhooks.test, looks=False),
    Form(f"{WEBHOOK}/replay", "replay_events", "webhook replay", webhooks.ask_to_replay, webhooks.replay),
    Form(f"{DELIVERY}/replay", "replay_event", "webhook replay", webhooks.ask_to_replay_one, webhooks.replay_one),
)
