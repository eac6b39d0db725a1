"""What is taken out of the code, one at a time, and the tests that must notice: each replacement must fit exactly."""

from __future__ import annotations

from dataclasses import dataclass

ANSWERS = "tests/client/test_http1.py"
APPROVAL = "tests/flows/test_process_approval_disturbed.py"
CONNECTIONS = "tests/client/test_connections.py"
COLLECTING = "tests/flows/test_collecting.py"
CUSTOMERS = "tests/flows/test_process_customers.py"
DISTURBED = "tests/flows/test_process_disturbed.py"
FORGOTTEN = "tests/tasks/test_forgotten.py"
LOOK_UPS = "tests/flows/test_look_ups.py"
PAYMENT_DISTURBED = "tests/flows/test_payment_disturbed.py"
PATHS = "tests/flows/test_process_paths.py::test_each_path_ends_where_it_should_and_stays_there"
PAYMENTS = "tests/flows/test_process_payments.py"
RUNS = "tests/tasks/test_identity.py"
TRANSPORT = "tests/client/test_transport.py"

EIGHT_AT_ONCE = f"{CUSTOMERS}::test_eight_runs_of_one_order_at_once_make_one_invoice_and_one_charge"
BEGUN_AGAIN = f"{RUNS}::test_what_begins_again_after_a_write_makes_nothing_twice"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing that is taken out.

    Attributes:
        what: What it is.
        file: Where it stands.
        before: The code as it is; it stands there once.
        after: The code without it.
        tests: Those that must fail, at least one of them.
    """

    what: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


MUTANTS = [
    Mutant(
        "the idempotency key",
        "client/exchange.py",
        'headers["Idempotency-Key"] = call.idempotency_key or str(uuid.uuid4())',
        'headers["Idempotency-Key"] = str(uuid.uuid4())',
        (EIGHT_AT_ONCE,),
    ),
    Mutant(
        "the key that is kept over a task's retries",
        "tasks/identity.py",
        'return next((f"task:{outermost}" for outermost in attempts), None)',
        "return None",
        (f"{BEGUN_AGAIN}[a_task_outside_of_flows]",),
    ),
    Mutant(
        "the look for what a run made, once Stripe has forgotten its keys",
        "tasks/forgotten.py",
        "    if datetime.now(UTC) - begun > REMEMBERED:\n",
        "    if False:\n",
        (f"{FORGOTTEN}::test_a_run_that_goes_on_after_a_weekend_finds_what_it_made[create_refund]",),
    ),
    Mutant(
        "the look for what was made, where a failure is stored under its key",
        "tasks/forgotten.py",
        "            return found\n        tries += 1\n",
        "            pass\n        tries += 1\n",
        (f"{FORGOTTEN}::test_a_stored_failure_is_neither_final_nor_doubled[after]",),
    ),
    Mutant(
        "the slot, of a business",
        "client/identity.py",
        "_digest(account, business_key, operation, list(ids), slot, generation)",
        "_digest(account, business_key, operation, list(ids), generation)",
        (EIGHT_AT_ONCE, f"{DISTURBED}::test_a_change_of_a_long_invoice_is_told_in_a_few_lines"),
    ),
    Mutant(
        "the slot, of a run",
        "client/identity.py",
        "content: object = slot if slot is not None else [",
        "content: object = [",
        (f"{RUNS}::test_slots_tell_the_same_writes_of_a_run_apart",),
    ),
    Mutant(
        "the look-up, by list",
        "flows/invoice_process.py",
        'found = yield from self._own(label, "list_invoices", self._since())',
        "found: list[StripeObject] = []",
        (f"{LOOK_UPS}::test_what_neither_keys_nor_a_search_know_is_found_by_list",),
    ),
    Mutant(
        "the look-up, by search",
        "flows/invoice_process.py",
        'found = yield from self._own(label, "search_invoices", {"query": query})',
        "found: list[StripeObject] = []",
        (f"{DISTURBED}::test_an_invoice_older_than_the_look_back_is_not_made_again",),
    ),
    Mutant(
        "the look-up again, after an answer that was lost",
        "flows/business.py",
        "                seen = yield from look(None)\n",
        "                seen = None\n",
        (f"{CUSTOMERS}::test_a_customer_whose_making_was_not_heard_of_is_found_though_search_lags",),
    ),
    Mutant(
        "the re-read after a replay",
        "flows/business.py",
        "            if not reply.replayed:\n",
        "            if True:\n",
        (
            f"{DISTURBED}::test_a_draft_that_a_person_deleted_is_made_anew",
            f"{DISTURBED}::test_contents_changed_there_and_back_within_a_day",
        ),
    ),
    Mutant(
        "the next generation of a key",
        "flows/business.py",
        "(*ids, *about), slot, generation)",
        "(*ids, *about), slot, 0)",
        (f"{DISTURBED}::test_a_draft_that_a_person_deleted_is_made_anew",),
    ),
    Mutant(
        "the goal's check of amounts, of an invoice",
        "flows/invoice_lines.py",
        '        if (seen["total"], seen["currency"]) == (expected, currency) and not owed:\n',
        '        if seen["currency"] == currency and not owed:\n',
        (f"{DISTURBED}::test_a_line_that_a_person_added_stops_the_draft_and_is_named",),
    ),
    Mutant(
        "the goal's check of amounts, of a payment",
        "flows/payment_settlement.py",
        '                if intent["amount_received"] != wanted:\n',
        "                if False:\n",
        (f"{LOOK_UPS}::test_another_amount_that_was_captured_is_told_and_is_no_success",),
    ),
    Mutant(
        "the look before a payment is confirmed",
        "flows/payment_settlement.py",
        "            return\n        self.work.refuse_interference()\n",
        "            return\n",
        (f"{PAYMENT_DISTURBED}::test_what_somebody_changes_while_its_card_is_looked_at_is_not_charged",),
    ),
    Mutant(
        "what somebody changed while a payment waited",
        "flows/payment_settlement.py",
        "        self.work.refuse_interference()\n        match _action(",
        "        match _action(",
        (f"{PAYMENT_DISTURBED}::test_what_somebody_changed_while_it_waited_is_not_charged",),
    ),
    Mutant(
        "another currency is not what was ordered",
        "flows/payment_settlement.py",
        "            self.work.refuse_other_currency()\n",
        "",
        (f"{PAYMENT_DISTURBED}::test_another_currency_is_never_what_was_ordered",),
    ),
    Mutant(
        "an amount of None is not all that is left",
        "client/exchange.py",
        "is not None and params.get(portion, ...) is None:",
        "is False:",
        ("tests/tasks/test_results.py::test_what_stripe_cannot_mean_is_refused_before_any_request",),
    ),
    Mutant(
        "the goal's check of how it was reached",
        "flows/invoice_settlement.py",
        '        if wanted == "pay" and elsewhere:\n',
        "        if False:\n",
        (f"{DISTURBED}::test_paid_by_a_person_between_looking_and_paying",),
    ),
    Mutant(
        "the root flow-run scope",
        "tasks/identity.py",
        "return str(flow_run_runtime.root_flow_run_id or flow_run_id)",
        "return flow_run_id",
        (f"{BEGUN_AGAIN}[a_flow_around_a_subflow]",),
    ),
    Mutant(
        "the customer's own key",
        "flows/customers.py",
        "Business(who, account)",
        'Business(f"customer:{order.external_id}", account)',
        (f"{CUSTOMERS}::test_fifty_orders_of_one_new_customer_at_once_make_one",),
    ),
    Mutant(
        "the key that two numbers share which are recorded on one customer",
        "flows/customers.py",
        """owner = Business(f"customer:{customer['id']}", self.business.account)""",
        "owner = Business(self.business.key, self.business.account)",
        (f"{CUSTOMERS}::test_two_numbers_with_one_address_at_once_do_not_share_the_customer_who_has_it",),
    ),
    Mutant(
        "the comparison of what is due, with what the customer owes from before",
        "flows/invoice_lines.py",
        'owed = max(seen["amount_due"] - seen["total"], 0)',
        "owed = 0",
        (f"{PAYMENTS}::test_what_the_customer_owes_from_before_is_not_charged_with_an_order[charged]",),
    ),
    Mutant(
        "the check of amounts, of a task's action",
        "tasks/goals.py",
        "and (same is None or same(call.params, seen))",
        "and True",
        (f"{FORGOTTEN}::test_a_goal_is_met_by_its_amounts_and_by_how_it_was_reached",),
    ),
    Mutant(
        "the look at an action's object, after a stored failure",
        "tasks/forgotten.py",
        'return cast("R", seen) if holds(own, seen) else None',
        "return None",
        (f"{FORGOTTEN}::test_an_action_whose_failure_is_stored_is_seen_to_be_done_or_is_done",),
    ),
    Mutant(
        "the attempt number",
        "flows/invoice_settlement.py",
        'slot=f"pay-{attempt}"',
        'slot="pay"',
        (f"{PATHS}[declined three times]",),
    ),
    Mutant(
        "the count of attempts that were made before",
        "flows/invoice_settlement.py",
        "made, taken = max(made, len(failed)), False",
        "made, taken = made, False",
        (f"{PATHS}[declined]",),
    ),
    Mutant(
        "the declined charge, by which a decline that is told twice is collected once",
        "flows/invoice_collecting.py",
        'if declined_charge and failed[0]["id"] != declined_charge:',
        "if False:",
        (f"{COLLECTING}::test_without_a_default_what_was_declined_is_tried_again_once_for_each_decline",),
    ),
    Mutant(
        "the bound of attempts to collect",
        "flows/invoice_collecting.py",
        "min(len(failed) + 1, most)",
        "len(failed) + 1",
        (f"{COLLECTING}::test_no_more_is_tried_than_is_allowed",),
    ),
    Mutant(
        "whose invoice is collected",
        "flows/invoice_collecting.py",
        "        self._check_order()\n",
        "",
        (f"{COLLECTING}::test_only_an_invoice_of_that_order_is_charged",),
    ),
    Mutant(
        "the account in a key",
        "tasks/identity.py",
        "call.stripe_account or wanted.credentials.stripe_account or ''",
        "''",
        (f"{RUNS}::test_another_account_is_another_write",),
    ),
    Mutant(
        "the key that two answers share",
        "flows/invoice_approval.py",
        'slot=f"approval-{fingerprint(before)}"',
        'slot=f"approval-{fingerprint([before, answer.decision.decision])}"',
        (f"{APPROVAL}::test_of_two_answers_at_once_the_first_that_is_written_down_holds[approve-reject-rejected]",),
    ),
    Mutant(
        "the invoice that an approval is of",
        "flows/approvals.py",
        'return recorded if recorded.invoice == invoice["id"] else None',
        "return recorded",
        (f"{APPROVAL}::test_a_copy_of_an_approved_draft_is_not_approved",),
    ),
    Mutant(
        "the look at the approval before anything is sent or charged",
        "flows/invoice_process.py",
        "        yield from approving.decide()\n        yield from self._send()",
        "        yield from self._send()",
        (
            f"{APPROVAL}::test_finalized_with_other_contents_than_approved_waits_before_it_is_charged[reject-not_approved]",
        ),
    ),
    Mutant(
        "what follows an answer is nobody's",
        "client/http1.py",
        'unasked for, where there was one already."""\n        self.reusable = False',
        'unasked for, where there was one already."""',
        (f"{ANSWERS}::test_what_follows_an_answer_is_nobodys_and_ends_the_connection",),
    ),
    Mutant(
        "an announcement is no answer",
        "client/http1.py",
        "if 100 <= self._status < 200 and self._status != 101:",
        "if False:",
        (f"{ANSWERS}::test_an_answer_is_read_however_it_was_cut[announced]",),
    ),
    Mutant(
        "an answer that was cut is none",
        "client/http1.py",
        'told = "content-length" in self._headers or "transfer-encoding" in self._headers',
        "told = False",
        (f"{ANSWERS}::test_an_answer_that_ends_too_early_is_none",),
    ),
    Mutant(
        "a connection is in use until its answer is whole, sync",
        "client/connections.py",
        "        self.usable = False\n        incoming = self._incoming\n",
        "        incoming = self._incoming\n",
        (f"{TRANSPORT}::test_a_call_that_is_interrupted_at_any_line_leaves_no_answer_to_the_next",),
    ),
    Mutant(
        "a connection is in use until its answer is whole, async",
        "client/connections.py",
        "        self._at_rest = False\n        data =",
        "        data =",
        (f"{CONNECTIONS}::test_async_what_comes_after_a_call_was_given_up_is_nobodys",),
    ),
    Mutant(
        "an interruption is not taken for an answer that is not HTTP",
        "client/http1.py",
        "            raise error.__context__ or error from None\n",
        "            raise BrokenAnswerError(str(error)) from None\n",
        (f"{TRANSPORT}::test_a_call_that_is_interrupted_at_any_line_leaves_no_answer_to_the_next",),
    ),
    Mutant(
        "what comes while nobody asks is nobody's answer, sync",
        "client/transport.py",
        "(not (ask or idle >= FRESH_SECONDS) or lane.is_silent())",
        "True",
        (f"{TRANSPORT}::test_what_comes_while_nobody_asks_is_nobodys_answer",),
    ),
    Mutant(
        "what comes while nobody asks is nobody's answer, async",
        "client/connections.py",
        "            self._transport.abort()\n        else:",
        "            pass\n        else:",
        (f"{CONNECTIONS}::test_async_an_idle_connection_is_told_what_came",),
    ),
]
