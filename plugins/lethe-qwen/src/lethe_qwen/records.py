"""What Qwen Code writes: the fields that are mapped, of any type until they are looked at."""

from __future__ import annotations

from typing import Any

import msgspec


class Record(msgspec.Struct, rename="camel"):
    """One line of a chat."""

    uuid: Any = None
    parent_uuid: Any = None
    timestamp: Any = None
    type: Any = None
    subtype: Any = None
    cwd: Any = None
    version: Any = None
    git_branch: Any = None
    message: Any = None
    model: Any = None
    usage_metadata: Any = None
    tool_call_result: Any = None
    system_payload: Any = None
    forked_from: Any = None
    external_input_kind: Any = None


class AgentMeta(msgspec.Struct, rename="camel"):
    """What stands beside the chat of a subagent."""

    agent_type: Any = None
    description: Any = None
    tool_use_id: Any = None
    parent_agent_id: Any = None
