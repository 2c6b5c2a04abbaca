"""Objectives that ask for the same in other words, and objectives that only look like it.

The threshold of `harness/near.py` was chosen on these. Half of the second list is worded as
differently as paraphrases are, and differs in one thing: an opposite, a direction, who or what.
"""

from __future__ import annotations

SAME = (
    (
        "Review the contract and list every duty that it puts on the buyer",
        "Go through the contract and write down all obligations of the purchaser",
    ),
    (
        "Summarise the main risks of the project",
        "Give an overview of the most important project risks",
    ),
    ("Find out when the invoice was paid", "Determine the date on which the invoice was settled"),
    (
        "Collect all customer complaints about late delivery",
        "Gather every complaint that customers made about delayed deliveries",
    ),
    (
        "Write a short summary of the meeting notes",
        "Condense the notes of the meeting into a brief summary",
    ),
    (
        "Check whether the supplier has a valid certificate",
        "Verify that the supplier's certificate is still valid",
    ),
    (
        "List the open issues sorted by severity",
        "Produce a list of unresolved issues ordered by how severe they are",
    ),
    (
        "Compare the prices of the three offers",
        "Look at the three offers and compare what each of them costs",
    ),
    ("Identify the root cause of the outage", "Work out what caused the outage in the first place"),
    (
        "Estimate how long the migration will take",
        "Give an estimate of the duration of the migration",
    ),
    ("Look up the customer's current address", "Retrieve the present address of the customer"),
    (
        "Draft a reply to the customer's complaint",
        "Write a draft answer to the complaint of the customer",
    ),
    (
        "Translate the product description into German",
        "Produce a German translation of the product description",
    ),
    (
        "Extract all dates and deadlines from the document",
        "Pull every deadline and date out of the document",
    ),
    (
        "Calculate the total cost of ownership over five years",
        "Work out what ownership costs in total across five years",
    ),
    (
        "Name the people who are responsible for each service",
        "State who is in charge of every service",
    ),
    (
        "Read the incident report and describe the timeline of events",
        "Describe in which order things happened according to the incident report",
    ),
    (
        "Find employees whose access should be removed",
        "Identify staff members whose access rights need to be revoked",
    ),
    (
        "Count how many tickets were closed last month",
        "Determine the number of tickets closed in the last month",
    ),
    (
        "Explain why revenue fell in the second quarter",
        "Give the reasons for the drop of revenue in the second quarter",
    ),
    (
        "Recommend the best vendor based on the reviews",
        "Based on the reviews, say which vendor should be chosen",
    ),
    (
        "Assess whether the clause on liability is acceptable",
        "Judge if the liability clause can be accepted",
    ),
    (
        "Determine which of the servers are out of disk space",
        "Find the servers that have no disk space left",
    ),
    (
        "Summarise what the reviewers said about the paper",
        "Give a summary of the reviewers' comments on the paper",
    ),
    (
        "Find the phone number of the nearest office",
        "Look up the telephone number of the closest office",
    ),
    (
        "List all subscriptions that expire this year",
        "Name every subscription that ends within this year",
    ),
    ("Evaluate how well the campaign worked", "Assess the success of the campaign"),
    ("Write an announcement of the new release", "Draft the text that announces the new release"),
    ("Collect the opening hours of all branches", "Gather when each of the branches is open"),
    (
        "Check that the totals in the table add up",
        "Verify whether the sums of the table are correct",
    ),
    ("Describe the process for requesting a refund", "Explain how a refund is requested"),
    (
        "Identify duplicate records in the customer list",
        "Find customers who stand in the list more than once",
    ),
    (
        "Calculate the average response time of the support team",
        "Work out how long the support team takes to respond on average",
    ),
    ("Find out who approved the change", "Determine by whom the change was approved"),
    (
        "Extract the names of all parties from the agreement",
        "Get the names of every party out of the agreement",
    ),
    (
        "Show how sales developed over the last year",
        "Describe the development of sales in the past year",
    ),
    ("Propose three titles for the article", "Suggest three headlines for the article"),
    ("Classify the messages by topic", "Sort the messages into topics"),
    ("Determine the delivery date of the order", "Find out when the order will be delivered"),
    ("Search the logs for errors", "Look through the logs and find errors"),
)

DIFFERENT = (
    (
        "List the duties of the buyer under the contract",
        "List the duties of the seller under the contract",
    ),
    ("Summarise the risks of the merger", "Summarise the benefits of the merger"),
    ("Find reasons for the merger", "Find reasons against the merger"),
    (
        "Collect complaints of customers about delivery",
        "Collect complaints of customers about billing",
    ),
    ("Find out when the invoice was paid", "Find out who paid the invoice"),
    (
        "Check whether the supplier has a valid certificate",
        "Check whether the supplier has paid its taxes",
    ),
    ("List the open issues sorted by severity", "List the closed issues sorted by severity"),
    ("Compare the prices of the three offers", "Compare the delivery times of the three offers"),
    ("Identify the root cause of the outage", "Estimate the cost of the outage"),
    ("Describe the timeline of the incident", "Describe the impact of the incident"),
    ("Estimate how long the migration will take", "Estimate how much the migration will cost"),
    ("Draft a reply to the complaint", "Classify the complaint by topic"),
    (
        "Translate the product description into German",
        "Translate the product description into French",
    ),
    ("Extract all dates from the document", "Extract all names from the document"),
    ("Calculate revenue for the first quarter", "Calculate revenue for the second quarter"),
    ("Find employees whose access should be removed", "Find employees who need additional access"),
    (
        "Count the tickets that were opened last month",
        "Count the tickets that were closed last month",
    ),
    ("Explain why revenue fell", "Explain why costs rose"),
    ("Look for evidence that supports the claim", "Search for facts which contradict the claim"),
    (
        "Gather the arguments in favour of the proposal",
        "Collect the points that speak against the proposal",
    ),
    ("List what the vendor must deliver", "Write down what the customer has to pay"),
    (
        "Read the incident report and describe what happened",
        "Read the incident report and say how it could have been prevented",
    ),
    ("Summarise the findings for management", "Summarise the findings for engineers"),
    ("Check the contract for missing clauses", "Check the contract for unfair clauses"),
    ("Review the code for security problems", "Look at the source and assess its performance"),
    ("Determine which servers are affected", "Determine which customers are affected"),
    ("Find the cheapest flight", "Find the fastest flight"),
    (
        "Find the earliest date in the records",
        "Identify the most recent date that the records hold",
    ),
    ("Write the introduction of the report", "Write the conclusion of the report"),
    ("Verify the numbers in the report", "Verify the sources of the report"),
    ("Ask the supplier for a discount", "Ask the supplier for a new delivery date"),
    ("Name the strengths of the candidate", "State the weaknesses of the applicant"),
    (
        "Find packages with a permissive licence",
        "Identify dependencies that are not under a permissive licence",
    ),
    (
        "Say what happens if the contract is terminated",
        "Explain what happens when the agreement is extended",
    ),
    ("Measure the latency before the change", "Determine how slow the service is after the change"),
    ("Look up the customer's address", "Look up the customer's phone number"),
    ("Find the oldest entry", "Find the newest entry"),
    ("List countries where sales grew", "Name the markets in which sales declined"),
    ("Enable the feature for all users", "Turn the feature off for every user"),
    ("Check which of the backups succeeded", "Determine which backups have failed"),
    ("Find out which tests passed", "Determine the tests that have failed"),
    ("Collect the reasons why customers stay", "Gather the reasons for which customers leave"),
    ("List employees who joined this year", "Name the members of staff that left this year"),
    ("Summarise what the plaintiff claims", "Give a summary of what the defendant claims"),
    ("Check whether prices went up", "Verify that prices have gone down"),
    ("Find the largest customers by revenue", "Identify which customers bring the least revenue"),
    ("Describe how the feature is enabled", "Explain the way to disable the feature"),
    ("Look up flights that leave Monday", "Find flights arriving on Monday"),
    ("Count the messages that were sent", "Determine the number of messages received"),
    ("List the invoices that are paid", "Name all of the invoices which are still unpaid"),
    ("Find suppliers we can trust", "Identify the suppliers that cannot be trusted"),
    ("Determine what changed before the outage", "Find out what was changed after the outage"),
    ("Evaluate the effect on employees", "Assess what it means for customers"),
    ("Collect all positive reviews of the product", "Gather every negative review of the product"),
    (
        "Check that the user may read the file",
        "Verify whether the user is allowed to delete the file",
    ),
    (
        "Find the shortest route to the airport",
        "Work out the route to the airport that costs least",
    ),
    ("Write a welcome message to new users", "Draft a farewell message for users who leave"),
    ("Calculate the gross margin of each product", "Work out the net margin for every product"),
    (
        "Name the services that depend on the database",
        "List the services on which the database depends",
    ),
    ("Identify which rules apply to importers", "Find the rules that exporters have to follow"),
    ("List required fields of the form", "Name every optional field of the form"),
    (
        "Determine the minimum temperature of the week",
        "Find out the highest temperature in the week",
    ),
    ("Find accounts that were created last week", "Identify the accounts deleted in the last week"),
    ("Check which devices are online", "Determine which of the devices are offline"),
    ("Which backups succeeded", "Determine the backups that did not succeed"),
    ("Find internal links that are broken", "Identify broken external links"),
    ("Say who may sign the contract", "State who has signed the contract"),
    ("Extract the questions of the interview", "Pull out the answers given in the interview"),
)
