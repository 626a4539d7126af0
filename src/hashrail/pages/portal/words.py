"""What the portal says after a form has led to a page."""

DONE = {
    "asked": "It is noted, and waits for another owner.",
    "changed": "It is changed.",
    "confirmed": "You have confirmed it, and it is done.",
    "taken_back": "It is taken back.",
    "key_ended": "The key has ended.",
    "signed_out": "Their sessions have ended.",
    "passkey_added": "The passkey is there, and every other session has ended. The next sign-in asks for it.",
    "passkey_removed": "The passkey is gone, and every other session has ended.",
    "ended": "The session has ended.",
    "disabled": "Nothing is sent there any more.",
    "enabled": "It is sent to again, beginning with what waits.",
    "endpoint_removed": "The endpoint is removed.",
    "tried": "The event is on its way; it stands below once it was sent.",
    "sent_again": "It is on its way again.",
}
