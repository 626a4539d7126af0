"""What the portal says after a form has led to a page."""

DONE = {
    "asked": "It is noted, and waits for another owner.",
    "changed": "It is changed.",
    "confirmed": "You have confirmed it, and it is done.",
    "taken_back": "It is taken back.",
    "key_ended": "The key has ended.",
    "signed_out": "Their sessions have ended.",
    "ended": "The session has ended.",
}
