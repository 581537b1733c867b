"""Middleware, one a file, in the order in which a request meets them.

| file                | what it does                                                          |
| ------------------- | --------------------------------------------------------------------- |
| access_log          | names the request, logs and counts its answer                         |
| compression         | compresses answers for who asks for it                                |
| problem_answers     | turns errors into problems                                            |
| refusals            | refuses a foreign `Host` (DNS rebinding; hosts), and what another     |
|                     | origin's page wants to change (origins); breaks off a body that does  |
|                     | not arrive in time, or not whole (bodies)                             |
| limits              | refuses when too much is going on                                     |
| sign_in             | finds out who asks and what they may                                  |
| limits, once more   | refuses when too much of it is one user's                             |

`security_headers` is no middleware: it adds to every answer when its head is written.
"""
