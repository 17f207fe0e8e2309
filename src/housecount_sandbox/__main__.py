from housecount_sandbox.cli import main

main()
