"""Keys to sign with."""

from cryptography.fernet import Fernet

# Keys of BIP 39's and BIP 32's own examples, known to everybody.
WORDS = "abandon " * 11 + "about"
TPRV = "tprv8ZgxMBicQKsPeDgjzdC36fs6bMjGApWDNLR9erAXMs5skhMv36j9MV5ecvfavji5khqjWaWSFhN3YcCUUdiKH6isR4Pwy3U5y5egddBr16m"
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
# Of every deployment that tests make: programs and commands work on the books of one another.
MASTER_KEY = Fernet.generate_key().decode()
