# Sourced by the scripts beside it: puts the Node that the lockfile pins in front of whatever the machine has.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
