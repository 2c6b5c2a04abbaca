"""The one door to models: tiers, prices, data boundary, retries, checked answers.

The only room that imports litellm. Its import phones out unless these variables are set, so they
are set before any module of this room can be loaded.
"""

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")
os.environ.setdefault("LITELLM_LOCAL_BLOG_POSTS", "True")
