"""What runs beside the user's project: the only code that imports sqlmesh, and it imports nothing of ours."""

import os

os.environ["SQLMESH__DISABLE_ANONYMIZED_ANALYTICS"] = "true"  # sqlmesh reads it when it is imported
