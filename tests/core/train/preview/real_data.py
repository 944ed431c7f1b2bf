"""Structures of real datasets that were read wrongly once, with contents of our own."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Structure:
    """Rows, or the text of a file, and what a look at them should tell.

    `learned` is the text of the first row that is learned, `shown` what must be in all of its text,
    `hidden` what must not. `unused`, `warned` and `fault` are words that must be told. With the
    settings in `follow`, which the fault's hint names, there is none, and the rest is told then.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    ending: str = "jsonl"
    family: str = "smollm2"
    settings: dict[str, Any] = field(default_factory=dict)
    learned: str | None = None
    shown: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    fault: tuple[str, ...] = ()
    follow: dict[str, Any] = field(default_factory=dict)
    rows_left: int | None = None

    def content(self) -> str:
        return self.text or "".join(json.dumps(row) + "\n" for row in self.rows)


def turns(*texts: str) -> list[dict[str, Any]]:
    return [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(texts)
    ]


def several(make: Any, count: int = 6) -> list[dict[str, Any]]:
    return [make(number) for number in range(count)]


CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"type": "function", "function": {"name": "tide", "arguments": {"hour": 3, "harbour": None}}},
]}  # fmt: skip
TIDE = {"type": "function", "function": {
    "name": "tide", "description": "The tide.", "parameters": {
        "type": "object",
        "properties": {"hour": {"type": "integer", "enum": None}, "harbour": None},
    },
}}  # fmt: skip

PAIRS = several(
    lambda n: {
        "prompt": f"Pick a colour {n}.",
        "messages": turns(f"Pick a colour {n}.", f"Blue {n}."),
        "chosen": turns(f"Pick a colour {n}.", f"Blue {n}."),
        "rejected": turns(f"Pick a colour {n}.", f"No {n}."),
    }
)

STRUCTURES: dict[str, Structure] = {
    "an answer that was accepted, and flags of bad rows": Structure(
        several(
            lambda n: {
                "prompt": f"What is rain, part {n}?",
                "accepted_completion": f"Water from clouds {n}.",
                "bad_entry": False,
                "bad_prompt_detected": False,
            }
        ),
        learned="Water from clouds 0.<|im_end|>",
        unused=("bad_entry", "bad_prompt_detected"),
    ),
    "reasoning under a longer name": Structure(
        several(
            lambda n: {
                "Question": f"A stiff knee, case {n}. What helps?",
                "Complex_CoT": f"Stiffness comes from rest, case {n}.",
                "Response": f"Walking {n}.",
            }
        ),
        learned="<think>\nStiffness comes from rest, case 0.\n</think>\n\nWalking 0.<|im_end|>",
    ),
    "pairs that have a conversation beside them": Structure(
        PAIRS,
        fault=("pairs", "`dataset.format` to `messages`", "`columns.messages` to messages"),
    ),
    "the hint for those pairs is followed": Structure(
        PAIRS,
        settings={"dataset": {"format": "messages"}},
        learned="Blue 0.<|im_end|>",
    ),
    "one column of those pairs as the answer": Structure(
        several(
            lambda n: {
                "prompt": f"Pick a colour {n}.",
                "chosen": turns(f"Pick a colour {n}.", f"Blue {n}."),
                "rejected": turns(f"Pick a colour {n}.", f"No {n}."),
            }
        ),
        settings={"dataset": {"format": "prompt_completion"}, "columns": {"completion": "chosen"}},
        learned="Blue 0.<|im_end|>",
    ),
    "pairs of transcripts": Structure(
        several(
            lambda n: {
                side: f"\n\nHuman: Fold napkin {n}?\n\nAssistant: In half.\n\nHuman: Then?"
                f"\n\nAssistant: {answer}"
                for side, answer in (("chosen", f"Again {n}."), ("rejected", "No idea."))
            }
        ),
        settings={"method": {"name": "dpo"}},
        learned="Again 0.<|im_end|>",
        shown=("<|im_start|>user\nFold napkin 0?", "<|im_start|>assistant\nIn half."),
    ),
    "empty conversations and other names of assistants": Structure(
        [
            {"conversations": []},
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "bing", "value": "Ho"}]},
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "bard", "value": "Hey"}]},
        ],
        learned="Ho<|im_end|>",
        warned=("empty conversation", "line 1"),
        rows_left=2,
    ),
    "a tree of messages": Structure(
        several(
            lambda n: {
                "message_id": f"m{n}",
                "parent_id": None if n % 2 == 0 else f"m{n - 1}",
                "text": f"What is a weir {n}?",
                "role": "prompter" if n % 2 == 0 else "assistant",
            }
        ),
        fault=("'parent_id'", "one message", "conversations"),
    ),
    "answers that name what they answer": Structure(
        several(
            lambda n: {
                "question": f"What is a weir {n}?",
                "answer": f"A low dam {n}.",
                "parent_id": n,
                "author": "ada",
            }
        ),
        learned="A low dam 0.<|im_end|>",
        unused=("parent_id", "author"),
    ),
    "settings of a template beside the messages": Structure(
        several(
            lambda n: {
                "messages": turns(f"Is {n} even?", "Halve it."),
                "chat_template_kwargs": {"enable_thinking": True},
                "source": "math",
            }
        ),
        learned="Halve it.<|im_end|>",
        unused=("chat_template_kwargs", "source"),
    ),
    "a column that repeats what the messages begin with": Structure(
        several(
            lambda n: {
                "developer": f"You are a gardener {n}.",
                "reasoning_language": "French",
                "messages": [
                    {"role": "system", "content": f"Reply in French. You are a gardener {n}."},
                    *turns("When do I plant?", "In autumn."),
                ],
            }
        ),
        learned="In autumn.<|im_end|>",
        hidden=("<|im_start|>developer", "named SmolLM"),
    ),
    "a part that was found is left out": Structure(
        several(
            lambda n: {
                "developer": f"Be brief {n}.",
                "messages": turns("Hi.", "Ho."),
            }
        ),
        settings={"columns": {"developer": "none"}},
        learned="Ho.<|im_end|>",
        hidden=("Be brief",),
        unused=("developer",),
    ),
    "a question about its context": Structure(
        several(
            lambda n: {
                "question": f"How many boats are longer than {n}?",
                "context": f"CREATE TABLE boats_{n} (length INTEGER)",
                "answer": f"SELECT COUNT(*) FROM boats_{n}",
            }
        ),
        learned="SELECT COUNT(*) FROM boats_0<|im_end|>",
        shown=("longer than 0?\n\nCREATE TABLE boats_0",),
    ),
    "a prompt column that holds the answer": Structure(
        several(
            lambda n: {
                "instruction": f"Return the number {n}.",
                "input": "",
                "output": f"result = {n} + 0",
                "prompt": f"A task.\n\nReturn the number {n}.\n\n### Output:\nresult = {n} + 0",
            }
        ),
        learned="result = 0 + 0<|im_end|>",
        hidden=("A task",),
        unused=("prompt",),
    ),
    "reasoning that is switched on or off": Structure(
        several(
            lambda n: {
                "input": turns(f"What is {n}+1?"),
                "output": f"It is {n + 1}.",
                "category": "math",
                "reasoning": "off" if n % 2 else "on",
                "license": "cc",
            }
        ),
        learned="It is 1.<|im_end|>",
        unused=("category", "reasoning", "license"),
    ),
    "a worked solution beside a short answer": Structure(
        several(
            lambda n: {
                "problem": f"Find x if x - {n} = 4.",
                "solution": f"Add {n}: x = {n + 4}, so {n + 4}.",
                "answer": str(n + 4),
                "source": "olympiads",
            }
        ),
        learned="Add 0: x = 4, so 4.<|im_end|>",
        unused=("answer", "source"),
    ),
    "turns of one object each": Structure(
        several(
            lambda n: {
                "source": "Dove",
                "conversation": [
                    {"input": f"What is peat {n}?", "output": "Old moss."},
                    {"input": "Does it burn?", "output": "Yes."},
                ],
            }
        ),
        learned="Old moss.<|im_end|>Yes.<|im_end|>",
        unused=("source",),
    ),
    "a packed row whose answer lies beyond the length": Structure(
        several(lambda n: {"messages": turns("word " * 400 + str(n), "yes")}),
        settings={"method": {"packing": True}},
        fault=("nothing would be learned",),
    ),
    "earlier turns in a column": Structure(
        several(
            lambda n: {
                "instruction": f"And in winter {n}?",
                "input": "",
                "output": "Holly.",
                "system": "You are a gardener.",
                "history": [[f"And in spring {n}?", "Tulips."]],
            }
        ),
        learned="Holly.<|im_end|>",
        shown=("You are a gardener.", "And in spring 0?", "<|im_start|>assistant\nTulips."),
    ),
    "a message of weight 0": Structure(
        several(
            lambda n: {
                "messages": [
                    {"role": "user", "content": "2+2?"},
                    {"role": "assistant", "content": "Five.", "weight": 0},
                    {"role": "user", "content": "Sure?"},
                    {"role": "assistant", "content": f"Four {n}.", "weight": 1},
                ],
            }
        ),
        learned="Four 0.<|im_end|>",
        shown=("Five.",),
    ),
    "a message of weight 0 where all is learned": Structure(
        [
            {
                "messages": [
                    {"role": "user", "content": "2+2?"},
                    {"role": "assistant", "content": "Five.", "train": False},
                    *turns("Sure?", "Four."),
                ]
            }
        ],
        settings={"method": {"assistant_only_loss": False}},
        fault=("not to be learned", "assistant_only_loss"),
        follow={"method": {"assistant_only_loss": True}},
        learned="Four.<|im_end|>",
    ),
    "rows that are not to be learned": Structure(
        [
            {"prompt": "One?", "completion": "Wrong.", "train": "false"},
            {"prompt": "Two?", "completion": "Right.", "train": "true"},
        ],
        learned="Right.<|im_end|>",
        warned=("not to be learned", "line 1"),
        rows_left=1,
    ),
    "tools with keys that are null": Structure(
        [
            {
                "messages": [
                    *turns("Tide at 3?"),
                    CALL,
                    {"role": "tool", "content": "2 m"},
                    {"role": "assistant", "content": "Two metres."},
                ],
                "tools": [TIDE],
            }
        ],
        family="qwen3",
        shown=('"hour": {"type": "integer"}', "Two metres."),
        hidden=("null",),
    ),
    "calls under a template without tools": Structure(
        [
            {
                "conversations": [
                    {"from": "human", "value": "Area of 2 by 3?"},
                    {"from": "function_call", "value": '{"name": "area", "arguments": {"a": 2}}'},
                    {"from": "observation", "value": "6"},
                    {"from": "gpt", "value": "It is 6."},
                ]
            }
        ],
        learned="It is 6.<|im_end|>",
        warned=("no place for tools",),
    ),
    "reasoning that a template takes away": Structure(
        several(lambda n: {"question": f"1+{n}?", "reasoning": f"Add {n} to it.", "answer": "So."}),
        family="r1",
        learned="So.<｜end▁of▁sentence｜>",
        warned=("leaves out reasoning",),
    ),
    "reasoning in a message": Structure(
        several(
            lambda n: {
                "messages": [
                    {"role": "user", "content": f"1+{n}?"},
                    {"role": "assistant", "content": "So.", "reasoning": f"Add {n}."},
                ]
            }
        ),
        family="qwen3",
        shown=("<think>\nAdd 0.\n</think>",),
    ),
    "text that has its own beginning": Structure(
        [{"text": "<|begin_of_text|>Once upon a time."}],
        family="llama3 with a beginning",
        settings={"method": {"assistant_only_loss": False}},
        learned="<|begin_of_text|>Once upon a time.<|eot_id|>",
    ),
    "an answer that begins with a line break": Structure(
        several(lambda n: {"prompt": f"Say {n}", "completion": f"\n\nNumber {n}"}),
        family="merging",
        warned=("begin with white space",),
    ),
    "code that is indented": Structure(
        several(
            lambda n: {
                "instruction": f"    step({n})\n",
                "input": "",
                "output": f"    return {n}\n",
            }
        ),
        learned="    return 0\n<|im_end|>",
        shown=("<|im_start|>user\n    step(0)\n<|im_end|>",),
    ),
    "an answer that is not a number": Structure(
        text='{"prompt": "One?", "completion": "one"}\n{"prompt": "Two?", "completion": NaN}\n',
        fault=("'completion' in line 2", "empty"),
    ),
    "images": Structure(
        [
            {"images": ["cat.jpg"], "messages": turns("<image>\nWhat is this?", "A cat.")},
            {"images": [], "messages": turns("What purrs?", "A cat.")},
        ],
        fault=("line 1", "'images'", "can't see"),
        follow={"filters": {"skip_unreadable": True}},
        learned="A cat.<|im_end|>",
        warned=("can't see", "1 row (line 1)"),
    ),
    "parts of a message that are images": Structure(
        [
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image"}, {"type": "text", "text": "What?"}],
                    },
                    {"role": "assistant", "content": "A cat."},
                ]
            }
        ],
        fault=("line 1", "image", "text only"),
    ),
    "a developer message that the template leaves out": Structure(
        several(lambda n: {"messages": turns(f"Hi {n}.", "Ho.")}),
        family="qwen3",
        settings={"columns": {"developer": "Be brief."}},
        warned=("leaves out some of what the developer says", "columns.system"),
    ),
    "values between semicolons": Structure(
        text="instruction;output\nWhat is a quay?;A landing place\nWhat is a buoy?;A float\n",
        ending="csv",
        learned="A landing place<|im_end|>",
    ),
    "values between tabs": Structure(
        text="question\tanswer\nWhat is a quay?\tA landing place, in a port\n",
        ending="csv",
        learned="A landing place, in a port<|im_end|>",
    ),
    "a column of row numbers": Structure(
        text=",instruction,output\n0,What is a keel?,The spine\n1,What is a mast?,A pole\n",
        ending="csv",
        learned="The spine<|im_end|>",
    ),
    "values that the Hub's copy has not": Structure(
        text="prompt,completion\nOne?,one\nTwo?,NULL\n",
        ending="csv",
        fault=("'completion' in line 3", "empty"),
    ),
    "lists as Python writes them": Structure(
        text="messages\n\"[{'role': 'user', 'content': 'Hi'}]\"\n",
        ending="csv",
        fault=("line 2", "Python's quotes", "json.dumps"),
    ),
    "an object in each line of a json file": Structure(
        text='{"prompt": "One?", "completion": "one"}\n{"prompt": "Two?", "completion": "two"}\n',
        ending="json",
        learned="one<|im_end|>",
    ),
    "text that nobody asked for": Structure(
        several(
            lambda n: {
                "prompt": f"Why is it {n}?",
                "completion": f"Since it is {n}.",
                "critique": f"This answer is too short, number {n}.",
            }
        ),
        learned="Since it is 0.<|im_end|>",
        unused=("critique",),
        warned=("'critique'",),
    ),
    "a column that comes late": Structure(
        [
            *several(lambda n: {"prompt": f"Say {n}.", "completion": f"It is {n}."}, count=60),
            {"prompt": "Say more.", "completion": "More.", "reasoning": "I think so."},
        ],
        learned="It is 0.<|im_end|>",
        warned=("'reasoning'", "only after the first 50 rows"),
    ),
}
