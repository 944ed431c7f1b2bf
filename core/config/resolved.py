"""What a setting that was left open became, and why."""

from pydantic import BaseModel


class Choice(BaseModel):
    value: str
    why: str = ""
