# The cloud's side of the Makefile: `include infra/infra.mk` at the root. The recipes are scripts, which say what they do.
# Words on the command line (PLATFORM=both, MAX_SIZE=3, TAG=42 …) reach them as environment variables.

INFRA := $(dir $(lastword $(MAKEFILE_LIST)))

.PHONY: infra infra-test destroy buildc runc push image

infra: ## From nothing to a scaling service: PLATFORM=app-runner|ecs-express|both SCALING= MAX_SIZE= MAX_CONCURRENCY= REGION= PROFILE= TAG=
	@$(INFRA)scripts/up.sh

destroy: ## Remove everything that `make infra` made
	@$(INFRA)scripts/down.sh

infra-test: ## The Terraform tests with the real provider (needs the registry; `infra/check.sh` runs them offline)
	@$(INFRA)check.sh --registry

buildc: ## Build the test app's image with docker or podman (ENGINE= to choose)
	@$(INFRA)scripts/image.sh build

runc: ## Run that image on http://127.0.0.1:8080 (PORT=, DELAY_MS=)
	@$(INFRA)scripts/image.sh run

push: ## Build and push the image to ECR, tagged by its sources (TAG= to choose)
	@$(INFRA)scripts/image.sh push

image: ## Build the image of scaletop itself, for generators (ENGINE= TAG= PLATFORM=linux/arm64)
	@$(INFRA)scripts/image.sh scaletop
