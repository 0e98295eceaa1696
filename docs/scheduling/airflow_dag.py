"""One report as an Airflow DAG of plain papermill calls: a task a notebook, then nbconvert publishes both languages.

Needs the provider `apache-airflow-providers-papermill`. The notebooks find the project by FPANALYSIS_HOME and pass
their results on in its folder for kept results; no runner of this project is used. What that gives up: releases, locks
and the ledger. An office that wants those calls `fpanalysis run --all --due` in one BashOperator instead.
"""

from __future__ import annotations

import os
from datetime import datetime

try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow.models.dag import DAG
    from airflow.operators.bash import BashOperator
from airflow.providers.papermill.operators.papermill import PapermillOperator

HOME = os.environ.get("FPANALYSIS_HOME", "/srv/fpanalysis")
PLACE, PERIOD = "renqiu", "2018H1"
TARGET = f"{HOME}/outputs/airflow/{PLACE}/{PERIOD}"
KEEPERS = ("01_check_data", "02_births", "03_sex_ratio", "04_subsidies", "05_services")
READS = {"03_sex_ratio": ("02_births",), "05_services": ("02_births", "04_subsidies")}

with DAG(dag_id="fpanalysis", schedule="30 2 11 1,7 *", start_date=datetime(2018, 7, 1), catchup=False) as dag:
    given = {"place": PLACE, "period": PERIOD}
    tasks = {
        name: PapermillOperator(
            task_id=name,
            input_nb=f"{HOME}/notebooks/{name}.ipynb",
            output_nb=f"{TARGET}/{name}.ipynb",
            parameters=given,
        )
        for name in KEEPERS
    }
    for name, earlier in READS.items():
        for other in earlier:
            tasks[other] >> tasks[name]
    for lang in ("zh", "en"):
        report = PapermillOperator(
            task_id=f"06_report_{lang}",
            input_nb=f"{HOME}/notebooks/06_report.ipynb",
            output_nb=f"{TARGET}/06_report.{lang}.ipynb",
            parameters={**given, "lang": lang},
        )
        publish = BashOperator(
            task_id=f"publish_{lang}", bash_command=f"jupyter nbconvert --to fp-html {TARGET}/06_report.{lang}.ipynb"
        )
        for task in tasks.values():
            task >> report
        report >> publish
