-- Which deductions paid for the tasks of an older application is forgotten.

drop table credits.mirrored_tasks;
