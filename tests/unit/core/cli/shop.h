/* An API of a shop, small and with everything a document can have: what is derived from it depends on no resource of ours. */
#ifndef TEST_CLI_SHOP_H
#define TEST_CLI_SHOP_H

#include "core/cli/api.h"
#include "test.h"

#define GIVES(name)                                                                                                    \
	"'responses':{'200':{'content':{'application/json':{'schema':{'$ref':'#/components/schemas/" name "'}}}}}"
#define TAKES(name) "'requestBody':{'content':{'application/json':{'schema':{'$ref':'#/components/schemas/" name "'}}}}"
#define LISTS(name)                                                                                                    \
	"'responses':{'200':{'content':{'application/json':{'schema':{'type':'object','properties':{"                  \
	"'data':{'type':'array','items':{'$ref':'#/components/schemas/" name                                           \
	"'}},'next_cursor':{'type':['string','null']}}}}}}}"
#define ID "'parameters':[{'name':'id','in':'path','required':true,'schema':{'type':'string'}}],"

/* Single quotes stand for double ones. */
static const char shop_text[] =
	"{'openapi':'3.1.0','paths':{"
	"'/health':{'get':{'summary':'Is it open'," GIVES(
		"Health") "}},"
			  "'/.well-known/pki/crl/{id}':{'get':{" GIVES(
				  "Health") "}},"
					    "'/api/v1/shelves':{"
					    "'get':{'summary':'List shelves','parameters':[{'name':'room','in':'query','description':'Only there.',"
					    "'schema':{'type':'string'}},{'$ref':'#/components/parameters/limit'}]," LISTS(
						    "Shelf") "},"
							     "'post':{'summary':'Put up a shelf'," TAKES("ShelfRequest") "," GIVES(
								     "Shelf") "}},"
									      "'/api/v1/shelves/{id}':{"
									      "'get':{'summary':'Get a shelf'," ID GIVES(
										      "Shelf") "},"
											       "'put':{'summary':'Replace a shelf'," ID TAKES("ShelfRequest") "," GIVES(
												       "Shelf") "},"
														"'delete':{'summary':'Take a shelf down'," ID
														"'responses':{'204':{}}}},"
														"'/api/v1/jar-lids':{"
														"'get':{'summary':'List lids'," LISTS(
															"Lid") "},"
															       "'post':{'summary':'Make a lid'," TAKES(
																       "LidRequest") "," GIVES("Lid") "}},"
																				      "'/api/v1/jar-lids/{id}':{"
																				      "'get':{'summary':'Get a lid'," ID GIVES("Lid") "},"
																										      "'patch':{'summary':'Change a lid'," ID
																										      "'requestBody':{'content':{'application/merge-patch+json':{'schema':{'$ref':'#/components/schemas/LidRequest'}}}}"
																										      "," GIVES("Lid") "}},"
																												       "'/api/v1/jar-lids/{id}/turn':{'post':{'summary':'Turn it'," ID GIVES("Lid") "}},"
																																						    "'/api/v1/jar-lids/{id}/turns':{'get':{'summary':'List turns'," ID LISTS(
																																							    "Lid") "}},"
																																								   "'/api/v1/jar-lids/{id}/notes':{'get':{" ID LISTS("Lid") "},'post':{" ID TAKES("LidRequest") "}},"
																																																				"'/api/v1/jar-lids/{id}/notes/{note}':{'get':{" GIVES("Lid") "},'delete':{}},"
																																																											     "'/api/v1/jar-lids/{id}/export/pem':{'get':{" ID
																																																											     "'responses':{'200':{'content':{'application/x-pem-file':{'schema':{'type':'string'}}}}}}},"
																																																											     "'/api/v1/jar-lids/bulk-turn':{'post':{" TAKES(
																																																												     "LidRequest") "}},"
																																																														   "'/api/v1/agents/{id}/work':{'get':{'servers':[{'url':'https://localhost:8444'}]," ID GIVES(
																																																															   "Lid") "}},"
																																																																  "'/api/v1/spares':{'get':{" LISTS("Lid") "}},"
																																																																					   "'/api/v2/later':{'get':{" GIVES(
																																																																						   "Lid") "}}"
																																																																							  "},'components':{'parameters':{'limit':{'name':'limit','in':'query','schema':{'type':'integer','maximum':3}}},"
																																																																							  "'schemas':{"
																																																																							  "'Health':{'type':'object','properties':{'status':{'type':'string'}}},"
																																																																							  "'Shelf':{'type':'object','properties':{'id':{'type':'string'},'room':{'type':'string'},"
																																																																							  "'made_at':{'type':['string','null'],'x-certctl-type':'time'}}},"
																																																																							  "'ShelfRequest':{'type':'object','required':['room'],'properties':{'id':{'type':'string'},"
																																																																							  "'room':{'type':'string','enum':['cellar','attic','a$(x)']},'width':{'type':['integer','null'],'default':80}}},"
																																																																							  "'Lid':{'type':'object','properties':{'id':{'type':'string'},'name':{'type':'string'},"
																																																																							  "'shelf_ids':{'type':'array','items':{'type':'string','x-certctl-refers-to':'shelf'}},"
																																																																							  "'options':{'type':'object'},'secret':{'type':'string','x-certctl-type':'secret'}}},"
																																																																							  "'LidRequest':{'type':'object','required':['name'],'properties':{'id':{'type':'string'},'name':{'type':'string'},"
																																																																							  "'shelf_ids':{'type':'array','items':{'type':'string','x-certctl-refers-to':'shelf'}},"
																																																																							  "'turns':{'type':'integer'},'moods':{'type':'array','items':{'enum':['glad','sad']}},'tight':{'type':'boolean'},'made_at':{'type':'string','x-certctl-type':'time'},"
																																																																							  "'keeps':{'type':'string','x-certctl-type':'duration'},"
																																																																							  "'options':{'type':'object','properties':{'colour':{'type':'string'},'size':{'type':'integer'}}},"
																																																																							  "'secret':{'type':'string','x-certctl-type':'secret'}}}"
																																																																							  "}}}";

static inline char *with_quotes(const char *text)
{
	char *copy = talloc_strdup(test_mem(), text);

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	return copy;
}

static inline const struct api *shop(void)
{
	struct certctl_error err = { 0 };
	struct api *api = NULL;

	ASSERT_OK(api_read(test_mem(), with_quotes(shop_text), &api, err.code ? NULL : &err), err);
	return api;
}

#endif
