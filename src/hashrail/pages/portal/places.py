"""From where a partner's pages and users may come: origins of pages, and domains of TON proofs. Owners change them."""

from hashrail.access import origins, ton_domains
from hashrail.db import Tx
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link

PAGE = "/keys"


async def ask_for_origins(tx: Tx, visit: Visit) -> Asked:
    """Whose pages may call."""
    value = sorted(await origins.load(tx, visit.partner_id))
    said = "Like https://app.example.com, one a line. Without any, no browser may."
    fields = (Field("origins", "Origins of your pages", "lines", value, needed=False, help=said),)
    words = ["Pages of these origins may call the client's operations with a publishable key, and with users' tokens."]
    return Asked("Origins of your pages", "Change the origins", link(PAGE), fields, words)


async def set_origins(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Change the list."""
    was = await origins.load(tx, visit.partner_id)
    wanted = {origins.parse(each) for each in values["origins"]}
    for each in sorted(wanted - was):
        await origins.add(tx, visit.partner_id, each)
    for each in sorted(was - wanted):
        await origins.remove(tx, visit.partner_id, each)
    await act.note(tx, "origins changed", "origins", before={"origins": sorted(was)}, after={"origins": sorted(wanted)})
    return Done(link(PAGE, done="changed"))


async def ask_for_domains(tx: Tx, visit: Visit) -> Asked:
    """For which domains users sign in with a TON wallet."""
    value = await ton_domains.ton_domains(tx, visit.partner_id)
    said = "The host as the wallet shows it, like app.example, one a line."
    fields = (Field("domains", "Domains of TON proofs", "lines", value, needed=False, help=said),)
    words = ["Whoever holds such a domain can log your users in. Sessions that are open go on."]
    return Asked("Domains of TON logins", "Change the domains", link(PAGE), fields, words)


async def set_domains(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Change the list."""
    was, wanted = await ton_domains.ton_domains(tx, visit.partner_id), list(dict.fromkeys(values["domains"]))
    for each in wanted:
        if each not in was:
            await ton_domains.add_ton_domain(tx, visit.partner_id, each)
    for each in was:
        if each not in wanted:
            await ton_domains.remove_ton_domain(tx, visit.partner_id, each)
    after = await ton_domains.ton_domains(tx, visit.partner_id)
    await act.note(tx, "domains changed", "TON domains", before={"domains": was}, after={"domains": after})
    return Done(link(PAGE, done="changed"))
