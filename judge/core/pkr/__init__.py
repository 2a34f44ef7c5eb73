"""Score one model's traces by a checklist of perception, knowledge and rationale units."""
