"""The preference service: judgments of groups of responses, as rewards for whoever trains."""
