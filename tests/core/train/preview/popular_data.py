"""Structures of popular datasets, with contents of our own, and what each hint leads to."""

import json
from typing import Any

from tests.core.train.preview.real_data import Structure, several, turns

LEARN_ALL = {"method": {"assistant_only_loss": False}}
DPO = {"method": {"name": "dpo"}}


def shares(*texts: str) -> list[dict[str, Any]]:
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


def answered(**columns: Any) -> list[dict[str, Any]]:
    """Six rows, in whose values # is the row's number."""
    return several(lambda n: json.loads(json.dumps(columns).replace("#", str(n))))


POPULAR: dict[str, Structure] = {
    # Answers in fields of objects, and in lists of several.
    "squad": Structure(
        answered(
            id="#", title="Towers", context="Tower # is # m tall.", question="How tall is #?",
            answers={"text": ["# m", "about # m"], "answer_start": [11, 11]},
        ),
        learned="0 m<|im_end|>",
        shown=("How tall is 0?\n\nTower 0 is 0 m tall.",),
        unused=("id", "title"),
        warned=("'answers.text'", "the first of them is taken as the completion"),
    ),
    "squad with questions that have no answer": Structure(
        several(
            lambda n: {
                "question": f"How tall is {n}?",
                "answers": {"text": [f"{n} m"] * (n % 2), "answer_start": [3] * (n % 2)},
            }
        ),
        fault=("'answers.text' in line 1", "empty", "`filters.drop_empty` to answers.text"),
        follow={"filters": {"drop_empty": "answers.text"}},
        learned="1 m<|im_end|>",
        rows_left=3,
    ),
    "trivia": Structure(
        answered(question="Who wrote #?", answer={"aliases": ["A. B."], "value": "Ada B. #"}),
        learned="Ada B. 0<|im_end|>",
    ),
    "open questions": Structure(
        answered(question="Who was king #?", answer=["Harald #"]), learned="Harald 0<|im_end|>"
    ),
    "translations": Structure(
        answered(id="#", translation={"en": "The house number #", "fr": "La maison numéro #"}),
        learned="La maison numéro 0<|im_end|>",
        warned=("is a guess",),
    ),
    "questions on abstracts": Structure(
        answered(
            question="Does tea # help?", context={"contexts": ["It # was tried.", "So #."]},
            long_answer="Tea # helps a little.", final_decision="yes",
        ),
        learned="Tea 0 helps a little.<|im_end|>",
        shown=("Does tea 0 help?\n\nIt 0 was tried.\nSo 0.",),
    ),
    "answers of several models": Structure(
        answered(
            source="x", instruction="Name some tea #", models=["a", "b"],
            completions=[{"model": "a", "response": "Green #"}, {"model": "b", "response": "Red"}],
            correct_answers=["None"],
        ),
        learned="Green 0<|im_end|>",
        warned=("'completions.response'", "several texts"),
    ),
    "answers of people": Structure(
        answered(
            question="How do I sort #?",
            answers=[{"pm_score": 5, "author": "ada", "text": "By sort #."}],
        ),
        learned="By sort 0.<|im_end|>",
    ),
    "one object a row": Structure(
        answered(data={"prompt": "Say #", "completion": "Said #"}), learned="Said 0<|im_end|>"
    ),
    "instances of a task": Structure(
        answered(instruction="Name tea #", instances=[{"input": "", "output": "Green #"}]),
        learned="Green 0<|im_end|>",
    ),
    # Names.
    "inputs and targets": Structure(
        answered(inputs="Quelle ville #?", targets="Paris #.", language="fra"),
        learned="Paris 0.<|im_end|>",
    ),
    "a model's reasoning and solution": Structure(
        answered(
            problem="Compute # + 1.", deepseek_reasoning="I add one to #.",
            deepseek_solution="It is # and one.", ground_truth_solution="#", test_cases=None,
        ),
        learned="<think>\nI add one to 0.\n</think>\n\nIt is 0 and one.<|im_end|>",
    ),
    "right and wrong answers": Structure(
        answered(
            question="May I eat seed #?", incorrect_answers=["It grows in you #."],
            best_answer="It passes through #.",
        ),
        learned="It passes through 0.<|im_end|>",
    ),
    "truth values as answers": Structure(
        answered(question="is tea # a plant", answer=True, passage="Tea # is made of leaves."),
        learned="True<|im_end|>",
        shown=("is tea 0 a plant\n\nTea 0 is made of leaves.",),
    ),
    "an index of a choice": Structure(
        answered(question="What is # + 1?", choices=["it is #", "or 1", "or 2"], answer=1),
        learned="1<|im_end|>",
        warned=("'choices'",),
    ),
    "no input": Structure(
        answered(instruction="Name a fish #", input="<noinput>", output="Cod #"),
        learned="Cod 0<|im_end|>",
        hidden=("noinput",),
    ),
    # Conversations.
    "conversations under any name": Structure(
        answered(id="i#", items=shares("Hi #", "Ho #")), learned="Ho 0<|im_end|>"
    ),
    "bare turns": Structure(
        answered(id="#", data=["Hi #", "Ho #", "And?", "No."]),
        learned="Ho 0<|im_end|>No.<|im_end|>",
    ),
    "contents of parts": Structure(
        answered(
            contents=[
                {"role": "user", "parts": [{"text": "Hi #"}]},
                {"role": "model", "parts": [{"text": "Ho #"}]},
            ]
        ),
        learned="Ho 0<|im_end|>",
    ),
    "thoughts among the parts": Structure(
        answered(
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "Hi #"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm #."},
                        {"type": "text", "text": "Ho #"},
                    ],
                },
            ]
        ),
        learned="<think>\nHm 0.\n</think>\n\nHo 0<|im_end|>",
    ),
    "a transcript with a system message": Structure(
        answered(
            system="You can call functions.",
            chat="USER: What is #?\n\n\nASSISTANT: A number.\n\n\nUSER: Thanks\n\n\nASSISTANT: OK",
        ),
        learned="A number.<|im_end|>OK<|im_end|>",
        shown=("You can call functions.",),
    ),
    "transcripts as text": Structure(
        several(lambda n: {"text": f"### Human: What is {n}?### Assistant: A number {n}."}),
        learned="A number 0.<|im_end|>",
    ),
    "prompts that are transcripts": Structure(
        answered(prompt="\n\nHuman: Hi #\n\nAssistant:", chosen="Ho #", rejected="Hu #"),
        settings=DPO,
        learned="Ho 0<|im_end|>",
        shown=("<|im_start|>user\nHi 0<|im_end|>",),
        hidden=("Human:", "Assistant:"),
    ),
    "messages in rows of their own": Structure(
        several(lambda n: {"role": ("user", "assistant")[n % 2], "content": f"Hello {n}"}),
        fault=("one message", "'role'", "whole conversations"),
    ),
    # Calls of tools.
    "calls as answers": Structure(
        answered(
            id=1, query="Tide at #?",
            answers=json.dumps([{"name": "tide", "arguments": {"hour": 3}}]),
            tools=json.dumps([{"name": "tide", "parameters": {"hour": {"type": "int"}}}]),
        ),
        family="qwen3",
        shown=('<tool_call>\n{"name": "tide", "arguments": {"hour": 3}}\n</tool_call>',),
    ),
    "calls of functions": Structure(
        answered(
            messages=[
                {"role": "user", "content": "Tide #?"},
                {
                    "role": "assistant", "content": None,
                    "function_call": {"name": "tide", "arguments": "{\"hour\": 3}"},
                },
                {"role": "function", "name": "tide", "content": "2"},
                {"role": "assistant", "content": "Two."},
            ],
            functions=[{"name": "tide", "parameters": {}}],
        ),
        family="qwen3",
        shown=('{"name": "tide", "arguments": {"hour": 3}}', "Two."),
    ),
    # Pairs and ratings.
    "pairs of single messages": Structure(
        answered(
            conversations=shares("Hi #"), chosen={"from": "gpt", "value": "Ho #"},
            rejected={"from": "gpt", "value": "Hu #"},
        ),
        settings=DPO,
        learned="Ho 0<|im_end|>",
    ),
    "preferred outputs": Structure(
        answered(
            input={"messages": turns("Hi #"), "tools": []},
            preferred_output=[{"role": "assistant", "content": "Ho #"}],
            non_preferred_output=[{"role": "assistant", "content": "Hu #"}],
        ),
        settings=DPO,
        learned="Ho 0<|im_end|>",
    ),
    "the better answers alone": Structure(
        answered(prompt="Hi #", chosen="Ho #", rejected="Hu #"),
        fault=("pairs of answers",),
        follow={"dataset": {"format": "prompt_completion"}, "columns": {"completion": "chosen"}},
        learned="Ho 0<|im_end|>",
    ),
    "the better conversations alone": Structure(
        answered(chosen=turns("Hi #", "Ho #"), rejected=turns("Hi #", "Hu #")),
        fault=("pairs of answers",),
        follow={"dataset": {"format": "messages"}, "columns": {"messages": "chosen"}},
        learned="Ho 0<|im_end|>",
    ),
    "a conversation beside pairs": Structure(
        answered(
            prompt="Hi #", messages=turns("Hi #", "Ho #"), chosen="Ho #", rejected="Hu #"
        ),
        fault=("pairs of answers",),
        follow={"dataset": {"format": "messages"}, "columns": {"messages": "messages"}},
        learned="Ho 0<|im_end|>",
    ),
    "rated answers": Structure(
        several(lambda n: {"prompt": f"Hi {n}", "completion": f"Ho {n}", "label": n % 2 == 0}),
        fault=("answers with a label", "whatever their label"),
        follow={"dataset": {"format": "prompt_completion"}},
        learned="Ho 0<|im_end|>",
    ),
    # What can't be told, and how a person tells it.
    "two answers without an order": Structure(
        answered(prompt="Name tea #", response_1="Green and black #", response_2="None at all #"),
        fault=("prompts without answers",),
        follow={
            "dataset": {"format": "prompt_completion"}, "columns": {"completion": "response_1"},
        },
        learned="Green and black 0<|im_end|>",
    ),
    "steps with ratings": Structure(
        answered(prompt="What is # + 1?", completions=["Take the #.", "Add 1."], labels=[1, 0]),
        fault=("prompts without answers",),
        follow={
            "dataset": {"format": "prompt_completion"}, "columns": {"completion": "completions"},
        },
        learned="Take the 0.<|im_end|>",
        warned=("'completions'", "several texts"),
    ),
    "prompts alone": Structure(
        answered(act="Terminal #", prompt="Act as a terminal #."),
        fault=("prompts without answers", "put the answers into a column of text"),
    ),
    "an article and its highlights": Structure(
        answered(id="#", article="Storm # came. It blew.", highlights="Storm # blew ."),
        fault=("no answers to tell",),
        follow={"columns": {"prompt": "article", "completion": "highlights"}},
        learned="Storm 0 blew .<|im_end|>",
    ),
    "a dialogue and its summary": Structure(
        answered(id="#", dialogue="Ann: Hi #\r\nBob: Hello there", summary="Ann greets Bob #."),
        learned="Ann greets Bob 0.<|im_end|>",
        warned=("is a guess",),
    ),
    "text with a class": Structure(
        answered(text="A fine film about bees #.", label=1),
        fault=("no answers to tell", "label"),
        follow={"columns": {"prompt": "text", "completion": "label"}},
        learned="1<|im_end|>",
    ),
    "text alone": Structure(
        answered(text="Tea is a leaf #."),
        fault=("no answers to tell",),
        follow=LEARN_ALL,
        learned="Tea is a leaf 0.<|im_end|>",
    ),
    "text with empty lines": Structure(
        [{"text": ""}, {"text": " = Tea = \n"}, {"text": "\n"}, {"text": "Tea is a leaf.\n"}],
        settings=LEARN_ALL,
        fault=("'text' in line 1", "empty"),
        follow={"filters": {"drop_empty": "text"}},
        learned=" = Tea = \n<|im_end|>",
        rows_left=2,
    ),
    "endings to choose from": Structure(
        answered(ctx_a="A man # sits.", ctx="A man # sits. He", endings=["is up.", "rips."]),
        fault=("no columns that SmolFactory knows", "`columns.prompt`"),
    ),
    "answers of two models to compare": Structure(
        answered(
            winner="model_a", conversation_a=turns("Hi #", "Ho #"),
            conversation_b=turns("Hi #", "Hu #"),
        ),
        fault=("no columns that SmolFactory knows", "`columns.messages`"),
        follow={"columns": {"messages": "conversation_a"}},
        learned="Ho 0<|im_end|>",
    ),
    "a role that nobody knows": Structure(
        [{"messages": turns("Hi", "Ho")}]
        + [{"messages": [{"role": "narrator", "content": "Then"}, *turns("Hi", "Ho")]}] * 2,
        fault=("line 2", "'narrator'", "known are"),
        follow={"filters": {"skip_unreadable": True}},
        learned="Ho<|im_end|>",
        warned=("'narrator'", "2 rows (line 2, line 3)"),
        rows_left=1,
    ),
    "conversations without an answer": Structure(
        [{"messages": turns("Hi", "Ho")}, {"messages": turns("Hi")}],
        fault=("line 2", "no message of the assistant"),
        follow={"filters": {"skip_unreadable": True}},
        learned="Ho<|im_end|>",
        warned=("no message of the assistant", "1 row (line 2)"),
        rows_left=1,
    ),
    "a line that is no json": Structure(
        text='// rows\n{"prompt": "One?", "completion": "one"}\n',
        fault=("Line 1", "not JSON"),
        follow={"filters": {"skip_unreadable": True}},
        learned="one<|im_end|>",
        warned=("not JSON", "1 row (line 1)"),
    ),
    "a column that is not there": Structure(
        answered(q="Hi #", a="Ho #", why="So."),
        settings={"columns": {"prompt": "question", "completion": "a"}},
        fault=("'question'", "It has: q, a, why"),
        follow={"columns": {"prompt": "q"}},
        learned="Ho 0<|im_end|>",
    ),
    "a part that the format has not": Structure(
        answered(text="Tea #"),
        settings=LEARN_ALL | {"dataset": {"format": "text"}, "columns": {"prompt": "text"}},
        fault=("no part called prompt",),
        follow={"columns": {"prompt": None}},
        learned="Tea 0<|im_end|>",
    ),
    "a part that nobody can tell": Structure(
        answered(verse="Tea # it is", page=1),
        settings=LEARN_ALL | {"dataset": {"format": "text"}},
        fault=("Nothing tells which column is the text", "verse, page"),
        follow={"columns": {"text": "verse"}},
        learned="Tea 0 it is<|im_end|>",
    ),
    "a filter by a column that is not there": Structure(
        answered(prompt="Hi #", completion="Ho #", is_bad=False),
        settings={"filters": {"drop_where": "bad"}},
        fault=("no column 'bad'", "is_bad"),
        follow={"filters": {"drop_where": "is_bad"}},
        learned="Ho 0<|im_end|>",
    ),
    "rows that are marked as bad": Structure(
        several(lambda n: {"prompt": f"Hi {n}", "completion": f"Ho {n}", "bad_entry": n % 2 == 1}),
        learned="Ho 0<|im_end|>",
        warned=("'bad_entry'", "`filters.drop_where` to bad_entry"),
    ),
    "rows that are marked as bad are left out": Structure(
        several(lambda n: {"prompt": f"Hi {n}", "completion": f"Ho {n}", "bad_entry": n % 2 == 1}),
        settings={"filters": {"drop_where": "bad_entry"}},
        learned="Ho 0<|im_end|>",
        rows_left=3,
    ),
    "filters that leave nothing": Structure(
        answered(prompt="Hi #", completion="Ho #"),
        settings={"filters": {"min_length": 5000}},
        fault=("leave no row",),
        follow={"filters": {"min_length": 1}},
        learned="Ho 0<|im_end|>",
    ),
    "a row with more values than columns": Structure(
        text="prompt,completion\nHi,Ho\nHi,Ho, and so on\n",
        ending="csv",
        fault=("Line 3", "3 values"),
        follow={"filters": {"skip_unreadable": True}},
        learned="Ho<|im_end|>",
        warned=("3 values", "1 row (line 3)"),
    ),
    "answers that begin too late": Structure(
        answered(prompt="word " * 300, completion="yes #"),
        settings={"method": {"max_length": 64}},
        fault=("nothing would be learned",),
        follow={"method": {"max_length": 2048}},
        learned="yes 0<|im_end|>",
    ),
}  # fmt: skip
